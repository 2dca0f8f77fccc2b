namespace Lorikeet.Training.Tests.Evaluating;

/// <summary>save_total_limit as TrainingArguments describes it.</summary>
public sealed class PruneTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-prune-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(3, null, new[] { 6, 5, 4 })]
    [InlineData(3, 2, new[] { 6, 5, 2 })]
    [InlineData(3, 5, new[] { 6, 5, 4 })]
    [InlineData(1, 2, new[] { 6, 2 })]
    [InlineData(1, 6, new[] { 6 })]
    [InlineData(2, 2, new[] { 6, 2 })]
    [InlineData(2, 99, new[] { 6, 5 })]
    public void The_newest_are_kept_and_the_best_among_them(int limit, int? best, int[] kept)
    {
        for (int step = 1; step <= 6; step++)
        {
            Directory.CreateDirectory(Checkpoint.PathOf(_folder, step));
        }

        Checkpoint.Prune(_folder, limit, best);
        Assert.Equal(kept, Checkpoint.List(_folder).Select(c => c.Step));
    }
}
