namespace Lorikeet.Data.Formats;

/// <summary>
/// Rows of the_cauldron: <c>{"images": ["a.png"], "texts": [{"user": "...", "assistant": "...", "source": "..."}]}</c>. All pictures and videos stand
/// before the first question unless placeholders in a question place them; <c>source</c> is not used.
/// </summary>
internal sealed class CauldronFormat : ISampleFormat
{
    public string Name => "the_cauldron";

    public string Example => """{"images": ["a.png"], "texts": [{"user": "...", "assistant": "..."}]}""";

    public IReadOnlyList<string> Keys { get; } = ["images", "texts"];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("texts");

    public void Read(SampleBuilder sample, string prompt)
    {
        sample.ListImages("images");
        RowObject[] turns = [.. sample.Row.Objects("texts")];
        bool placed = turns.Any(t => t.Text("user") is var user && (user.Contains(SampleBuilder.Placeholder, StringComparison.Ordinal) || user.Contains(SampleBuilder.VideoPlaceholder, StringComparison.Ordinal)));
        for (int i = 0; i < turns.Length; i++)
        {
            string user = turns[i].Text("user");
            if (i == 0 && !placed)
            {
                sample.Question(user, turns[i].Name("user"));
            }
            else
            {
                sample.Message("user", user, turns[i].Name("user"));
            }

            sample.Message("assistant", turns[i].Text("assistant"), turns[i].Name("assistant"));
        }
    }
}
