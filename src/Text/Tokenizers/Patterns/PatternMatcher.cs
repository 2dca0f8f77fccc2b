namespace Lorikeet.Text.Tokenizers;

/// <summary>Runs a program by backtracking over an explicit stack, within a budget of steps.</summary>
internal ref struct PatternMatcher(PatternStep[] steps, int registers, ReadOnlySpan<int> text, long budget, CodePointPattern pattern)
{
    // Entries of the stack are three integers: step, position, extra.
    // extra >= 0: a greedy loop that may give back down to position extra;
    // -1: plain alternative; -2 - n: a lazy loop that may take up to n more; step < 0: restore register ~step.
    private const int Plain = -1;

    private readonly ReadOnlySpan<int> _text = text;
    private readonly int[] _marks = registers == 0 ? [] : new int[registers];
    private int[] _stack = new int[96];
    private int _top;
    private long _budget = budget;

    /// <summary>The end of the match that begins at a position, or -1.</summary>
    /// <param name="step">First step.</param>
    /// <param name="position">Where to begin.</param>
    /// <param name="searchStart">Where this search began, for \G.</param>
    public int Run(int step, int position, int searchStart)
    {
        int bottom = _top;
        while (true)
        {
            if (--_budget < 0)
            {
                throw new InvalidDataException(
                    $"the pattern '{pattern.Source}' backtracks too much on a text of {_text.Length} characters; split the text or simplify the pattern.");
            }

            PatternStep current = steps[step];
            bool ok = true;
            switch (current.Op)
            {
                case PatternOp.Match:
                    _top = bottom;
                    return position;
                case PatternOp.Set:
                    ok = position < _text.Length && current.Set!.Contains(_text[position]);
                    position++;
                    step++;
                    break;
                case PatternOp.LoopGreedy or PatternOp.LoopPossessive or PatternOp.LoopLazy:
                    ok = Loop(current, step, ref position);
                    step++;
                    break;
                case PatternOp.Split:
                    step = Choose(current, position);
                    break;
                case PatternOp.Jump:
                    step = current.A;
                    break;
                case PatternOp.Anchor:
                    ok = Holds((AnchorKind)current.A, position, searchStart);
                    step++;
                    break;
                case PatternOp.Mark:
                    Push(~current.A, _marks[current.A], Plain);
                    _marks[current.A] = position;
                    step++;
                    break;
                case PatternOp.ExitIfEmpty:
                    step = _marks[current.A] == position ? current.B : step + 1;
                    break;
                default:
                    ok = Nested(current, step, ref position, searchStart);
                    step = current.A;
                    break;
            }

            if (!ok && !Backtrack(bottom, out step, out position))
            {
                return -1;
            }
        }
    }

    private bool Nested(PatternStep current, int step, ref int position, int searchStart)
    {
        bool behind = current.Op is PatternOp.LookBehind or PatternOp.LookBehindNot;
        int start = behind ? position - current.B : position;
        int end = start < 0 ? -1 : Run(step + 1, start, searchStart);
        switch (current.Op)
        {
            case PatternOp.Atomic:
                position = end < 0 ? position : end;
                return end >= 0;
            case PatternOp.LookAhead or PatternOp.LookBehind:
                return end >= 0;
            default:
                return end < 0;
        }
    }

    private int Choose(PatternStep split, int position)
    {
        if (position < _text.Length)
        {
            int c = _text[position];
            if (!split.FirstA.MayBegin(c))
            {
                return split.B;
            }

            if (!split.FirstB.MayBegin(c))
            {
                return split.A;
            }
        }

        Push(split.B, position, Plain);
        return split.A;
    }

    private bool Loop(PatternStep loop, int step, ref int position)
    {
        CodePointSet set = loop.Set!;
        int available = _text.Length - position;
        int most = loop.B < 0 || loop.B > available ? available : loop.B;
        if (available < loop.A)
        {
            return false;
        }

        int wanted = loop.Op == PatternOp.LoopLazy ? loop.A : most;
        int count = 0;
        while (count < wanted && set.Contains(_text[position + count]))
        {
            count++;
        }

        _budget -= count >> 3;
        if (count < loop.A)
        {
            return false;
        }

        int least = position + loop.A;
        position += count;
        if (loop.Op == PatternOp.LoopGreedy && position > least && steps[step + 1].Op != PatternOp.Match)
        {
            Push(step + 1, position, least);
        }
        else if (loop.Op == PatternOp.LoopLazy && most > count)
        {
            Push(step, position, -2 - (most - count));
        }

        return true;
    }

    private bool Backtrack(int bottom, out int step, out int position)
    {
        while (_top > bottom)
        {
            ref int extra = ref _stack[_top - 1];
            ref int at = ref _stack[_top - 2];
            step = _stack[_top - 3];
            position = at;
            if (step < 0)
            {
                _marks[~step] = at;
                _top -= 3;
            }
            else if (extra == Plain)
            {
                _top -= 3;
                return true;
            }
            else if (extra >= 0)
            {
                position = --at;
                _top -= at == extra ? 3 : 0;
                return true;
            }
            else if (steps[step].Set!.Contains(_text[at]))
            {
                position = ++at;
                extra++;
                step++;
                _top -= extra == -2 ? 3 : 0;
                return true;
            }
            else
            {
                _top -= 3;
            }
        }

        step = 0;
        position = 0;
        return false;
    }

    private void Push(int step, int position, int extra)
    {
        if (_top + 3 > _stack.Length)
        {
            Array.Resize(ref _stack, _stack.Length * 2);
        }

        _stack[_top++] = step;
        _stack[_top++] = position;
        _stack[_top++] = extra;
    }

    private readonly bool Holds(AnchorKind kind, int position, int searchStart)
    {
        int length = _text.Length;
        switch (kind)
        {
            case AnchorKind.TextStart:
                return position == 0;
            case AnchorKind.TextEnd:
                return position == length;
            case AnchorKind.TextEndOrFinalNewline:
                return position == length || (position == length - 1 && _text[position] == '\n');
            case AnchorKind.LineStart:
                return position == 0 || (_text[position - 1] == '\n' && position < length);
            case AnchorKind.LineEnd:
                return position == length || _text[position] == '\n';
            case AnchorKind.SearchStart:
                return position == searchStart;
            default:
                bool before = position > 0 && CodePoint.IsOnigurumaWord(_text[position - 1]);
                bool after = position < length && CodePoint.IsOnigurumaWord(_text[position]);
                return before != after == (kind == AnchorKind.WordBoundary);
        }
    }
}
