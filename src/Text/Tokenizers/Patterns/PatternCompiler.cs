namespace Lorikeet.Text.Tokenizers;

/// <summary>Turns the tree of a pattern into steps.</summary>
internal sealed class PatternCompiler
{
    private const int MaxSteps = 20_000;

    private readonly List<PatternStep> _steps = [];
    private readonly string _pattern;
    private int _visits;

    private PatternCompiler(string pattern) => _pattern = pattern;

    /// <summary>Registers that the program needs.</summary>
    public int Registers { get; private set; }

    public static (PatternStep[] Steps, int Registers) Compile(string pattern, PatternNode root)
    {
        PatternCompiler compiler = new(pattern);
        compiler.Emit(root, FirstSet.Anything);
        compiler.Add(new PatternStep { Op = PatternOp.Match });
        return (compiler._steps.ToArray(), compiler.Registers);
    }

    private FormatException TooLarge() => new($"the pattern '{_pattern}' needs more than {MaxSteps} steps");

    private int Add(PatternStep step)
    {
        if (_steps.Count >= MaxSteps)
        {
            throw TooLarge();
        }

        _steps.Add(step);
        return _steps.Count - 1;
    }

    // next: what can follow the node, for the early decisions of Split.
    private void Emit(PatternNode node, FirstSet next)
    {
        // Repetitions of nothing write no steps, so the visits are counted too.
        if (++_visits > 10 * MaxSteps)
        {
            throw TooLarge();
        }

        switch (node)
        {
            case PatternNode.Set set:
                Add(new PatternStep { Op = PatternOp.Set, Set = set.Members });
                break;
            case PatternNode.Sequence sequence:
                FirstSet[] after = Suffixes(sequence.Parts, next, (part, rest) => FirstSet.Of(part).Then(rest));
                for (int i = 0; i < sequence.Parts.Count; i++)
                {
                    Emit(sequence.Parts[i], after[i + 1]);
                }

                break;
            case PatternNode.Alternation alternation:
                EmitAlternation(alternation, next);
                break;
            case PatternNode.Repeat repeat:
                EmitRepeat(repeat, next);
                break;
            case PatternNode.Look look:
                EmitLook(look);
                break;
            case PatternNode.Atomic atomic:
                EmitNested(PatternOp.Atomic, atomic.Body, 0);
                break;
            case PatternNode.Anchor anchor:
                Add(new PatternStep { Op = PatternOp.Anchor, A = (int)anchor.Kind });
                break;
            default:
                throw new InvalidOperationException($"unknown pattern node {node.GetType().Name}");
        }
    }

    // Entry i: what the parts from i on (and then last) can begin with.
    private static FirstSet[] Suffixes(IReadOnlyList<PatternNode> parts, FirstSet last, Func<PatternNode, FirstSet, FirstSet> join)
    {
        FirstSet[] suffixes = new FirstSet[parts.Count + 1];
        suffixes[^1] = last;
        for (int i = parts.Count - 1; i >= 0; i--)
        {
            suffixes[i] = join(parts[i], suffixes[i + 1]);
        }

        return suffixes;
    }

    private void EmitAlternation(PatternNode.Alternation alternation, FirstSet next)
    {
        List<PatternStep> ends = [];
        FirstSet[] rest = Suffixes(alternation.Choices, FirstSet.Nothing, (choice, others) => FirstSet.Of(choice).Then(next).Or(others));
        for (int i = 0; i < alternation.Choices.Count; i++)
        {
            bool last = i == alternation.Choices.Count - 1;
            PatternStep? split = null;
            if (!last)
            {
                split = new PatternStep { Op = PatternOp.Split, FirstA = FirstSet.Of(alternation.Choices[i]).Then(next), FirstB = rest[i + 1] };
                split.A = Add(split) + 1;
            }

            Emit(alternation.Choices[i], next);
            if (split is not null)
            {
                PatternStep jump = new() { Op = PatternOp.Jump };
                split.B = Add(jump) + 1;
                ends.Add(jump);
            }
        }

        foreach (PatternStep jump in ends)
        {
            jump.A = _steps.Count;
        }
    }

    private void EmitRepeat(PatternNode.Repeat repeat, FirstSet next)
    {
        if (repeat.Body is PatternNode.Set set)
        {
            PatternOp op = repeat.Kind switch
            {
                RepeatKind.Greedy => PatternOp.LoopGreedy,
                RepeatKind.Lazy => PatternOp.LoopLazy,
                _ => PatternOp.LoopPossessive,
            };
            Add(new PatternStep { Op = op, Set = set.Members, A = repeat.Min, B = repeat.Max });
            return;
        }

        if (repeat.Kind == RepeatKind.Possessive)
        {
            EmitNested(PatternOp.Atomic, repeat with { Kind = RepeatKind.Greedy }, 0);
            return;
        }

        FirstSet body = FirstSet.Of(repeat.Body);
        for (int i = 0; i < repeat.Min; i++)
        {
            Emit(repeat.Body, body.Or(next));
        }

        if (repeat.Max < 0)
        {
            EmitStar(repeat, next);
            return;
        }

        List<PatternStep> splits = [];
        for (int i = repeat.Min; i < repeat.Max; i++)
        {
            splits.Add(EmitSplit(repeat.Kind, body.Then(next), next));
            Emit(repeat.Body, body.Or(next));
        }

        foreach (PatternStep split in splits)
        {
            SetExit(split, repeat.Kind, _steps.Count);
        }
    }

    private void EmitStar(PatternNode.Repeat repeat, FirstSet next)
    {
        FirstSet body = FirstSet.Of(repeat.Body);
        int register = Registers++;
        PatternStep split = EmitSplit(repeat.Kind, body.Then(next), next);
        int start = _steps.Count - 1;
        Add(new PatternStep { Op = PatternOp.Mark, A = register });
        Emit(repeat.Body, body.Or(next));
        PatternStep exit = new() { Op = PatternOp.ExitIfEmpty, A = register };
        Add(exit);
        Add(new PatternStep { Op = PatternOp.Jump, A = start });
        exit.B = _steps.Count;
        SetExit(split, repeat.Kind, _steps.Count);
    }

    // A split between another round (the next step) and the exit, which SetExit fills in.
    private PatternStep EmitSplit(RepeatKind kind, FirstSet round, FirstSet next)
    {
        bool lazy = kind == RepeatKind.Lazy;
        PatternStep split = new() { Op = PatternOp.Split, FirstA = lazy ? next : round, FirstB = lazy ? round : next };
        int at = Add(split);
        SetRound(split, kind, at + 1);
        return split;
    }

    private static void SetRound(PatternStep split, RepeatKind kind, int target)
    {
        if (kind == RepeatKind.Lazy)
        {
            split.B = target;
        }
        else
        {
            split.A = target;
        }
    }

    private static void SetExit(PatternStep split, RepeatKind kind, int target)
    {
        if (kind == RepeatKind.Lazy)
        {
            split.A = target;
        }
        else
        {
            split.B = target;
        }
    }

    private void EmitLook(PatternNode.Look look)
    {
        if (look.Ahead)
        {
            EmitNested(look.Negative ? PatternOp.LookAheadNot : PatternOp.LookAhead, look.Body, 0);
            return;
        }

        // Every choice looks back by its own fixed length; one that holds is enough (or is one too many).
        IReadOnlyList<PatternNode> choices = look.Body is PatternNode.Alternation alternation ? alternation.Choices : [look.Body];
        if (look.Negative)
        {
            foreach (PatternNode choice in choices)
            {
                EmitNested(PatternOp.LookBehindNot, choice, Width(choice));
            }

            return;
        }

        List<PatternStep> ends = [];
        for (int i = 0; i < choices.Count; i++)
        {
            PatternStep? split = i == choices.Count - 1 ? null : new PatternStep { Op = PatternOp.Split };
            if (split is not null)
            {
                split.A = Add(split) + 1;
            }

            EmitNested(PatternOp.LookBehind, choices[i], Width(choices[i]));
            if (split is not null)
            {
                PatternStep jump = new() { Op = PatternOp.Jump };
                split.B = Add(jump) + 1;
                ends.Add(jump);
            }
        }

        foreach (PatternStep jump in ends)
        {
            jump.A = _steps.Count;
        }
    }

    private void EmitNested(PatternOp op, PatternNode body, int width)
    {
        PatternStep step = new() { Op = op, B = width };
        Add(step);
        Emit(body, FirstSet.Anything);
        step.A = Add(new PatternStep { Op = PatternOp.Match }) + 1;
    }

    private int Width(PatternNode node)
    {
        switch (node)
        {
            case PatternNode.Set:
                return 1;
            case PatternNode.Sequence sequence:
                return sequence.Parts.Sum(Width);
            case PatternNode.Alternation alternation when alternation.Choices.Select(Width).Distinct().Count() == 1:
                return Width(alternation.Choices[0]);
            case PatternNode.Repeat repeat when repeat.Min == repeat.Max:
                return repeat.Min * Width(repeat.Body);
            case PatternNode.Atomic atomic:
                return Width(atomic.Body);
            case PatternNode.Look or PatternNode.Anchor:
                return 0;
            default:
                throw new FormatException($"look-behind of variable length in the pattern '{_pattern}'");
        }
    }
}
