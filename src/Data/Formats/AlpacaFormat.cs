namespace Lorikeet.Data.Formats;

/// <summary>
/// Instructions: <c>{"instruction": "...", "input": "...", "output": "...", "images": ["a.png"]}</c>. Instruction and input are joined
/// by a line end, as LLaMA-Factory does; pictures and <c>system</c> are optional.
/// </summary>
internal sealed class AlpacaFormat : ISampleFormat
{
    public string Name => "alpaca";

    public string Example => """{"instruction": "...", "input": "...", "output": "...", "images": ["a.png"]}""";

    public IReadOnlyList<string> Keys { get; } = ["instruction", "input", "output", "system", "task_type", .. PictureKeys.All];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("instruction") && keys.Contains("output");

    public void Read(SampleBuilder sample, string prompt)
    {
        PictureKeys.List(sample, required: false);
        if (sample.Row.TryText("system") is { Length: > 0 } system)
        {
            sample.Message("system", system, "system");
        }

        string instruction = sample.Row.Text("instruction");
        string question = sample.Row.TryText("input") is { Length: > 0 } input ? instruction + "\n" + input : instruction;
        sample.Question(question, "instruction");
        sample.Message("assistant", sample.Row.Text("output"), "output");
    }
}
