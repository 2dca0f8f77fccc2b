using Lorikeet.Training.Checks;

namespace Lorikeet.Training.Tests.Checks;

public sealed class FindingTests
{
    [Theory]
    [InlineData("a.jsonl:7", "a.jsonl:7: key 'x' is missing.", "a.jsonl:7: key 'x' is missing.")]
    [InlineData("a.jsonl:7", "a.jsonl:7:13: not valid JSON.", "a.jsonl:7: column 13: not valid JSON.")]
    [InlineData("a.jsonl:7", "a.jsonl:71: other row.", "a.jsonl:7: a.jsonl:71: other row.")]
    [InlineData("a.json", "a.json:7:13: not valid JSON.", "a.json:7: column 13: not valid JSON.")]
    [InlineData("a.json", "a.json:7: element 3 is no object.", "a.json:7: element 3 is no object.")]
    [InlineData("a.json", "a.json: does not exist.", "a.json: does not exist.")]
    [InlineData("a.jsonl:7", "the text has 2 <image> tokens.", "a.jsonl:7: the text has 2 <image> tokens.")]
    public void A_message_names_the_place_once(string origin, string message, string said) =>
        Assert.Equal(said, Finding.Of(FindingKind.RowFormat, origin, message).ToString());

    [Fact]
    public void Every_kind_has_a_name_and_warnings_are_few()
    {
        FindingKind[] kinds = Enum.GetValues<FindingKind>();
        Assert.Equal(kinds.Length, kinds.Select(Finding.NameOf).Distinct().Count());
        Assert.Equal("extreme_aspect_ratio", Finding.NameOf(FindingKind.ExtremeAspectRatio));
        Assert.Equal(
            [FindingKind.SpecialTokenText, FindingKind.TinyImage, FindingKind.ExtremeAspectRatio, FindingKind.BlankImage, FindingKind.TooLongHandled],
            kinds.Where(k => !Finding.IsErrorKind(k)));
    }
}
