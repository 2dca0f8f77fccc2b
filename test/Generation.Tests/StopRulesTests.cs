using System.Text;

namespace Lorikeet.Generation.Tests;

public sealed class StopRulesTests
{
    private static (string Text, StopReason? Reason, int Longest) Stream(IEnumerable<string> pieces, int limit = 1000, params string[] stops)
    {
        var rules = new StopRules([0], new SamplingOptions { StopStrings = stops, MaxNewTokens = limit });
        var text = new StringBuilder();
        var withheld = 0;
        var given = 0;
        foreach (var piece in pieces)
        {
            text.Append(rules.Push(piece == "<eos>" ? 0 : 1, piece == "<eos>" ? "" : piece));
            given += piece.Length;
            if (rules.Reason is not null)
            {
                break;
            }

            withheld = Math.Max(withheld, given - text.Length);
        }

        text.Append(rules.Finish(""));
        return (text.ToString(), rules.Reason, withheld);
    }

    [Fact]
    public void An_end_token_ends_the_text_and_releases_what_was_withheld()
    {
        Assert.Equal(("Hello ST", StopReason.EndOfText, 2), Stream(["Hello", " ST", "<eos>", "more"], 100, "STOP"));
    }

    [Fact]
    public void A_stop_string_may_span_tokens_and_is_not_part_of_the_text()
    {
        Assert.Equal(("Hello ", StopReason.StopString, 3), Stream(["Hello S", "T", "O", "P and more"], 100, "STOP"));
    }

    [Fact]
    public void Withheld_text_is_released_once_it_cannot_become_a_stop_string()
    {
        var rules = new StopRules([0], new SamplingOptions { StopStrings = ["abab!"] });
        Assert.Equal("x", rules.Push(1, "xaba"));
        Assert.Equal("ab", rules.Push(1, "ba")); // "aba" may still go on
        Assert.Equal("abac", rules.Push(1, "c"));
    }

    [Fact]
    public void The_limit_on_tokens_releases_everything()
    {
        Assert.Equal(("abc", StopReason.MaxNewTokens, 0), Stream(["a", "b", "c", "d"], 3, "cd"));
    }

    [Fact]
    public void Without_an_end_the_rest_is_released_by_finish()
    {
        Assert.Equal(("ab", null, 1), Stream(["a", "b"], 100, "bc"));
    }

    [Fact]
    public void A_text_that_has_ended_takes_no_more()
    {
        var rules = new StopRules([0], new SamplingOptions());
        rules.Push(0, "");
        Assert.Throws<InvalidOperationException>(() => rules.Push(1, "x"));
        Assert.Equal(1, rules.TokenCount);
    }

    [Fact]
    public void The_cut_into_pieces_does_not_matter()
    {
        string[] stops = ["bcd", "c", "\n\n", "aab", "dd"];
        var alphabet = "abcd\n";
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var text = string.Concat(Enumerable.Range(0, 12).Select(_ => alphabet[random.Next(random.Next(1, 6))]));
            var used = stops.Where(_ => random.Next(2) == 0).ToArray();
            var whole = Stream([text], 1000, used);
            var single = Stream(text.Select(c => c.ToString()), 1000, used);
            Assert.Equal((whole.Text, whole.Reason), (single.Text, single.Reason));
            var pieces = Split(text, random);
            var cut = Stream(pieces, 1000, used);
            Assert.Equal((whole.Text, whole.Reason), (cut.Text, cut.Reason));
            // Nothing longer than a stop string is ever withheld.
            Assert.True(single.Longest < used.Select(s => s.Length).DefaultIfEmpty(1).Max());
            var firstEnd = used.Select(s => (Start: text.IndexOf(s, StringComparison.Ordinal), s.Length)).Where(m => m.Start >= 0)
                .OrderBy(m => m.Start + m.Length).ThenBy(m => m.Start).FirstOrDefault((Start: text.Length, 0)).Start;
            Assert.Equal(text[..firstEnd], whole.Text);
        }
    }

    private static List<string> Split(string text, Random random)
    {
        var pieces = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var length = Math.Min(random.Next(0, 5), text.Length - at);
            pieces.Add(text.Substring(at, length));
            at += length;
        }

        return pieces;
    }
}
