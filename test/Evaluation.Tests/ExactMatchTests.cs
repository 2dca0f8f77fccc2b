namespace Lorikeet.Evaluation.Tests;

public sealed class ExactMatchTests
{
    [Fact]
    public void Blanks_at_the_ends_do_not_count_but_case_does()
    {
        Assert.True(ExactMatch.IsRight(" a red circle\n", "a red circle"));
        Assert.False(ExactMatch.IsRight("A red circle", "a red circle"));
    }

    [Fact]
    public void Percent_counts_right_answers() => Assert.Equal(50, ExactMatch.Percent(["a", "b"], ["a", "c"]));

    [Fact]
    public void Lists_of_different_length_are_refused() => Assert.Throws<ArgumentException>(() => ExactMatch.Percent(["a"], ["a", "b"]));
}
