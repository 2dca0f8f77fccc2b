using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Lorikeet.Training.Config.Binding;

/// <summary>
/// Reads YAML into a tree of nodes with their places. Only what a run file needs: one document, no tags. The size of the file, the
/// depth and the number of nodes (aliases counted in full) are limited before anything is built from them.
/// </summary>
internal sealed class YamlTree
{
    /// <summary>Largest run file in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    private const int MaxDepth = 16;
    private const int MaxNodes = 20_000;

    private readonly Parser _parser;
    private readonly Origin _argument;
    private readonly string _source;
    private readonly Dictionary<AnchorName, (ConfigNode Node, int Count)> _anchors = [];
    private int _nodes;

    private YamlTree(string text, string source, Origin argument)
    {
        _parser = new Parser(new StringReader(text));
        _source = source;
        _argument = argument;
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">The file is too large, not UTF-8, or not such a YAML document.</exception>
    public static ConfigNode? ReadFile(string path, string shownName)
    {
        using var stream = File.OpenRead(path);
        if (stream.Length > MaxBytes)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{shownName}: a run file may have {MaxBytes} bytes, this one has {stream.Length}; is it the right file?"));
        }

        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        try
        {
            string text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            return new YamlTree(text.TrimStart('\uFEFF'), shownName, default).Document();
        }
        catch (DecoderFallbackException bad)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{shownName}: not UTF-8 text (byte {bad.Index}); save the run file as UTF-8"), bad);
        }
    }

    /// <summary>Reads a value typed on the command line.</summary>
    public static ConfigNode ParseArgument(string text, Origin origin) =>
        new YamlTree(text, "", origin).Document() ?? new ScalarNode("", Plain: true, origin);

    private ConfigNode? Document()
    {
        try
        {
            _parser.Consume<StreamStart>();
            if (_parser.Accept<StreamEnd>(out _))
            {
                return null;
            }

            _parser.Consume<DocumentStart>();
            var root = Node(0);
            _parser.Consume<DocumentEnd>();
            return _parser.Accept<StreamEnd>(out _) ? root : throw Error(_parser.Current!.Start, "a run file is one YAML document; remove the second one");
        }
        catch (YamlException bad)
        {
            throw Error(bad.Start, $"not valid YAML: {bad.Message}", bad);
        }
        catch (Exception bad) when (bad is ArgumentException or InvalidOperationException or FormatException or OverflowException or IndexOutOfRangeException)
        {
            // The YAML reader reports some malformed inputs with the exceptions of the calls that tripped over them.
            throw Error(_parser.Current?.Start ?? Mark.Empty, $"not valid YAML: {bad.Message}", bad);
        }
    }

    private ConfigNode Node(int depth)
    {
        var start = _parser.Current!.Start;
        Count(1, start);
        if (depth > MaxDepth)
        {
            throw Error(start, FormattableString.Invariant($"nested more than {MaxDepth} levels deep"));
        }

        if (_parser.TryConsume<AnchorAlias>(out var alias))
        {
            return _anchors.TryGetValue(alias.Value, out var known)
                ? Counted(known.Node, known.Count, start)
                : throw Error(start, $"the alias *{alias.Value} has no anchor before it");
        }

        int before = _nodes;
        var head = _parser.Current as NodeEvent ?? throw Error(start, "a value was expected here");
        if (!head.Tag.IsEmpty && !head.Tag.IsNonSpecific)
        {
            throw Error(start, $"the tag {head.Tag} is not supported; write the plain value");
        }

        ConfigNode node = head switch
        {
            Scalar => ScalarValue(),
            SequenceStart => Sequence(depth),
            MappingStart => Mapping(depth),
            _ => throw Error(start, "a value was expected here"),
        };
        if (!head.Anchor.IsEmpty)
        {
            _anchors[head.Anchor] = (node, _nodes - before + 1);
        }

        return node;
    }

    private ScalarNode ScalarValue()
    {
        var scalar = _parser.Consume<Scalar>();
        return new ScalarNode(scalar.Value, scalar.Style == ScalarStyle.Plain, At(scalar.Start));
    }

    private SequenceNode Sequence(int depth)
    {
        var origin = At(_parser.Consume<SequenceStart>().Start);
        var items = new List<ConfigNode>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
        {
            items.Add(Node(depth + 1));
        }

        return new SequenceNode(items, origin);
    }

    private MappingNode Mapping(int depth)
    {
        var origin = At(_parser.Consume<MappingStart>().Start);
        var entries = new List<MappingEntry>();
        var seen = new Dictionary<string, Origin>(StringComparer.Ordinal);
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            var mark = _parser.Current!.Start;
            if (!_parser.TryConsume<Scalar>(out var key))
            {
                throw Error(mark, "a key was expected here, and a key is a single word");
            }

            if (!seen.TryAdd(key.Value, At(mark)))
            {
                throw Error(mark, $"the key '{key.Value}' is given twice; first at {seen[key.Value]}");
            }

            entries.Add(new MappingEntry(key.Value, At(mark), Node(depth + 1)));
        }

        return new MappingNode(entries, origin);
    }

    private ConfigNode Counted(ConfigNode node, int count, Mark mark)
    {
        Count(count, mark);
        return node;
    }

    private void Count(int more, Mark mark)
    {
        _nodes += more;
        if (_nodes > MaxNodes)
        {
            throw Error(mark, FormattableString.Invariant($"more than {MaxNodes} values (aliases count in full)"));
        }
    }

    private Origin At(Mark mark) => _source.Length == 0 ? _argument : new Origin(_source, mark.Line, mark.Column);

    private InvalidDataException Error(Mark mark, string message, Exception? inner = null) => new($"{At(mark)}: {message}", inner);
}
