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
        AtomicDirectory.DeleteStale(_directory);
        Assert.Equal([Path.Combine(_directory, "keep")], Directory.GetFileSystemEntries(_directory));
    }
}
