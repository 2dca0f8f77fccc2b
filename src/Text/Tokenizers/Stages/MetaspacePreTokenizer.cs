namespace Lorikeet.Text.Tokenizers;

/// <summary>Spaces become a visible mark, one is put in front according to the scheme, and words may be cut at it.</summary>
internal sealed class MetaspacePreTokenizer : PreTokenizer
{
    private readonly int _mark;
    private readonly PrependScheme _scheme;
    private readonly bool _split;
    private readonly ReplaceNormalizer _spaces;
    private readonly SplitPreTokenizer _cut;

    public MetaspacePreTokenizer(string mark, PrependScheme scheme, bool split)
    {
        _mark = CodePoint.FromString(mark)[0];
        _scheme = scheme;
        _split = split;
        _spaces = new ReplaceNormalizer(CodePointPattern.Literal(" "), mark);
        _cut = new SplitPreTokenizer(CodePointSet.Of(_mark), SplitBehavior.MergedWithNext);
    }

    protected override void Split(Piece piece, List<Piece> output)
    {
        Piece marked = _spaces.Normalize(piece);
        bool wanted = _scheme == PrependScheme.Always || (_scheme == PrependScheme.First && piece.Origin == 0);
        if (wanted && marked.Chars[0] != _mark)
        {
            marked = PrependNormalizer.Prepend(marked, [_mark]);
        }

        if (_split)
        {
            _cut.Run([marked], output);
        }
        else
        {
            output.Add(marked);
        }
    }
}

/// <summary>When Metaspace puts its mark in front.</summary>
internal enum PrependScheme
{
    First,
    Never,
    Always,
}
