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

    /// <summary>Ends the rendering. Text of a generation block may have been changed or moved by a macro, set, call or filter block around it.</summary>
    public RenderedChat Finish(string templateName)
    {
        var text = _out.ToString();
        var inPlace = _spans.TrueForAll(s => s.End <= text.Length && string.CompareOrdinal(text, s.Start, s.Text, 0, s.Text.Length) == 0);
        return new RenderedChat(text, inPlace ? [.. _spans.Select(s => (s.Start, s.End))] : null, templateName);
    }
}

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    Normal,
    Break,
    Continue,
}
