using System.Text.Json;

namespace Lorikeet.Data.Formats;

/// <summary>
/// A question about a picture: <c>{"image": "a.png", "question": "...", "answer": "..."}</c>; the question may be called <c>query</c> or
/// <c>prompt</c>, the answer <c>response</c>, <c>completion</c>, <c>label</c> or <c>answers</c>. Of a list of right ones the first is the reply.
/// </summary>
internal sealed class QuestionAnswerFormat : ISampleFormat
{
    private static readonly string[] Questions = ["question", "query", "prompt"];
    private static readonly string[] Answers = ["answer", "response", "completion", "label", "answers"];

    public string Name => "qa";

    public string Example => """{"image": "a.png", "question": "...", "answer": "..."}""";

    public IReadOnlyList<string> Keys { get; } = [.. Questions, .. Answers, "system", "task_type", .. PictureKeys.All];

    public bool Matches(IReadOnlySet<string> keys) => Questions.Any(keys.Contains) && Answers.Any(keys.Contains);

    public void Read(SampleBuilder sample, string prompt)
    {
        PictureKeys.List(sample, required: false);
        if (sample.Row.TryText("system") is { Length: > 0 } system)
        {
            sample.Message("system", system, "system");
        }

        string question = Questions.FirstOrDefault(sample.Row.Has) ?? throw sample.Row.Missing("question", "a string");
        string answer = Answers.FirstOrDefault(sample.Row.Has) ?? throw sample.Row.Missing("answer", "a string");
        sample.Question(sample.Row.Text(question), question);
        sample.Message("assistant", sample.Row.Find(answer) is { ValueKind: JsonValueKind.String } ? sample.Row.Text(answer) : RowReferences.Require(sample.Row, answer)[0], answer);
    }
}
