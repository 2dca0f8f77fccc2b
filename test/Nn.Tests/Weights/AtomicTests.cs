using Lorikeet.Nn.Weights;

namespace Lorikeet.Nn.Tests.Weights;

public sealed class AtomicTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_failed_write_keeps_the_old_file_and_leaves_nothing_else()
    {
        string path = Path.Combine(_directory, "a.txt");
        AtomicFile.WriteText(path, "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_directory));
        AtomicFile.WriteText(path, "new");
        Assert.Equal("new", File.ReadAllText(path));
    }

    [Fact]
    public void A_directory_appears_only_with_the_commit()
    {
        string target = Path.Combine(_directory, "deep", "checkpoint-1");
        using (AtomicDirectory directory = AtomicDirectory.Create(target))
        {
            Directory.CreateDirectory(Path.Combine(directory.StagingPath, "sub"));
            File.WriteAllText(Path.Combine(directory.StagingPath, "sub", "a"), "1");
            Assert.False(Directory.Exists(target));
            directory.Commit();
        }

        Assert.Equal("1", File.ReadAllText(Path.Combine(target, "sub", "a")));
        Assert.Equal([target], Directory.GetFileSystemEntries(Path.GetDirectoryName(target)!));
    }

    [Fact]
    public void Without_a_commit_nothing_is_left()
    {
        using (AtomicDirectory directory = AtomicDirectory.Create(Path.Combine(_directory, "x")))
        {
            File.WriteAllText(Path.Combine(directory.StagingPath, "a"), "1");
        }

        Assert.Empty(Directory.GetFileSystemEntries(_directory));
    }

    [Fact]
    public void An_existing_target_is_replaced_only_on_request()
    {
        string target = Directory.CreateDirectory(Path.Combine(_directory, "x")).FullName;
        File.WriteAllText(Path.Combine(target, "old"), "");
        using AtomicDirectory directory = AtomicDirectory.Create(target);
        File.WriteAllText(Path.Combine(directory.StagingPath, "new"), "");
        Assert.Equal($"{target}: already exists and is not replaced.", Assert.Throws<IOException>(() => directory.Commit()).Message);
        Assert.True(File.Exists(Path.Combine(target, "old")));
        directory.Commit(replace: true);
        Assert.Equal([Path.Combine(target, "new")], Directory.GetFiles(target));
        Assert.Equal([target], Directory.GetFileSystemEntries(_directory));
    }

    [Fact]
    public void What_killed_writers_left_behind_can_be_swept()
    {
        AtomicDirectory abandoned = AtomicDirectory.Create(Path.Combine(_directory, "x"));
        File.WriteAllText(Path.Combine(abandoned.StagingPath, "a"), "1");
        File.WriteAllText(Path.Combine(_directory, "keep"), "");
        AtomicDirectory.Recover(_directory);
        Assert.Equal([Path.Combine(_directory, "keep")], Directory.GetFileSystemEntries(_directory));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Replacing_keeps_a_whole_directory_under_the_name_at_every_moment(bool mayExchange)
    {
        string target = Directory.CreateDirectory(Path.Combine(_directory, "x")).FullName;
        File.WriteAllText(Path.Combine(target, "old"), "");
        string[] seen = [];
        using AtomicDirectory directory = AtomicDirectory.Create(target, mayExchange, () => seen = [.. seen, .. Directory.GetFiles(target)], () => seen = [.. seen, .. Directory.GetFiles(target)]);
        File.WriteAllText(Path.Combine(directory.StagingPath, "new"), "");
        directory.Commit(replace: true);
        Assert.Equal([Path.Combine(target, "old"), Path.Combine(target, "new")], seen);
        Assert.Equal([target], Directory.GetFileSystemEntries(_directory));
    }

    [Fact]
    public void A_directory_that_was_set_aside_comes_back_unless_its_successor_is_there()
    {
        string aside = Directory.CreateDirectory(Path.Combine(_directory, ".checkpoint-7.0123.lorikeet-old")).FullName;
        File.WriteAllText(Path.Combine(aside, "a"), "1");
        AtomicDirectory.Recover(_directory);
        string target = Path.Combine(_directory, "checkpoint-7");
        Assert.Equal("1", File.ReadAllText(Path.Combine(target, "a")));

        File.WriteAllText(Path.Combine(Directory.CreateDirectory(aside).FullName, "a"), "0");
        AtomicDirectory.Recover(_directory);
        Assert.Equal("1", File.ReadAllText(Path.Combine(target, "a")));
        Assert.Equal([target], Directory.GetFileSystemEntries(_directory));
    }

    [Fact]
    public void A_deleted_directory_leaves_nothing()
    {
        string target = Directory.CreateDirectory(Path.Combine(_directory, "x", "y")).FullName;
        AtomicDirectory.Delete(Path.GetDirectoryName(target)!);
        Assert.Empty(Directory.GetFileSystemEntries(_directory));
    }

    [Fact]
    public void A_folder_has_one_owner_at_a_time_whom_others_are_told()
    {
        string path = Path.Combine(_directory, "run.lock");
        FolderLock.RequireFree(path);
        using (FolderLock.Take(path, "process 17 on a machine"))
        {
            string expected = $"{_directory}: in use by process 17 on a machine. Wait for it or stop it, or choose another directory.";
            Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => FolderLock.Take(path, "me")).Message);
            Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => FolderLock.RequireFree(path)).Message);
        }

        Assert.Empty(Directory.GetFileSystemEntries(_directory));

        // A killed process leaves the file, but not the lock.
        File.WriteAllText(path, "process 18, long dead, with a long name");
        FolderLock.RequireFree(path);
        using FolderLock again = FolderLock.Take(path, "me");
        Assert.Contains("in use by me.", Assert.Throws<InvalidDataException>(() => FolderLock.RequireFree(path)).Message, StringComparison.Ordinal);
    }
}
