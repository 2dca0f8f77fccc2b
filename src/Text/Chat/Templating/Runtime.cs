using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>The state of one rendering: budget, output, generation spans and the line being executed.</summary>
internal sealed class Runtime(ChatTemplateLimits limits, TimeProvider time)
{
    private readonly List<(int Start, int End, string Text)> _spans = [];
    private StringBuilder _out = new();
    private int _outerLength;

    public Budget Budget { get; } = new(limits);

    public TimeProvider Time => time;

    public int Line { get; set; }

    public void Write(string text)
    {
        Budget.Text(text.Length + (long)_out.Length > limits.MaxLength ? text.Length + (long)_out.Length : text.Length);
        _out.Append(text);
    }

    /// <summary>What <paramref name="body"/> writes, instead of printing it.</summary>
    public (string Text, Flow Flow) Capture(Func<Flow> body)
    {
        var (outer, outerLength) = (_out, _outerLength);
        _outerLength += outer.Length;
        _out = new StringBuilder();
        var flow = body();
        var text = _out.ToString();
        (_out, _outerLength) = (outer, outerLength);
        return (text, flow);
    }

    /// <summary>Runs the body of a generation block and notes where its text lies.</summary>
    public Flow Generation(Func<Flow> body)
    {
        var start = _out.Length;
        var flow = body();
        var position = _outerLength + start;
        _spans.Add((position, position + _out.Length - start, _out.ToString(start, _out.Length - start)));
        return flow;
    }

    /// <summary>Ends the rendering. Fails if text of a generation block was moved after it was produced (by a macro or a set block).</summary>
    public RenderedChat Finish()
    {
        var text = _out.ToString();
        foreach (var (start, end, generated) in _spans)
        {
            if (end > text.Length || string.CompareOrdinal(text, start, generated, 0, generated.Length) != 0)
            {
                throw Fail.With(
                    "TemplateRuntimeError",
                    "a generation block stands inside a macro, set, call or filter block whose text was changed or printed elsewhere, so its place in the output is unknown");
            }
        }

        return new RenderedChat(text, [.. _spans.Select(s => (s.Start, s.End))]);
    }
}

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    Normal,
    Break,
    Continue,
}
