namespace Lorikeet.Data.Sources;

/// <summary>The pass over a csv file that finds where records begin and checks the quoting.</summary>
internal sealed class CsvIndexer(SourceFile file, byte delimiter)
{
    private readonly RowIndex _index = new();
    private State _state = State.RecordStart;
    private long _line = 1;
    private long _quoteLine;

    private enum State
    {
        RecordStart,
        CarriageReturnAtRecordStart,
        FieldStart,
        Unquoted,
        Quoted,
        AfterQuote,
        AfterQuoteCarriageReturn,
    }

    public RowIndex Run(CancellationToken cancellation)
    {
        byte[] buffer = new byte[Math.Clamp(file.Length, 1, 1 << 20)];
        for (long position = file.Start; ;)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = file.Read(position, buffer);
            if (count == 0)
            {
                break;
            }

            for (int at = 0; at < count;)
            {
                at = Step(buffer.AsSpan(0, count), at, position);
            }

            position += count;
        }

        if (_state == State.Quoted)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{file.Path}:{_quoteLine}: a quoted field opens here and never ends; expected a closing quote."));
        }

        file.RequireUnchanged();
        return _index;
    }

    /// <summary>Advances by one byte, or to the next byte that matters; returns the new place.</summary>
    private int Step(ReadOnlySpan<byte> buffer, int at, long position)
    {
        byte current = buffer[at];
        switch (_state)
        {
            case State.RecordStart when current == '\r':
                _state = State.CarriageReturnAtRecordStart;
                return at + 1;
            case State.RecordStart or State.CarriageReturnAtRecordStart when current == '\n':
                _state = State.RecordStart;
                _line++;
                return at + 1;
            case State.RecordStart or State.CarriageReturnAtRecordStart:
                _index.Add(position + at, _line);
                _state = State.FieldStart;
                return at;
            case State.FieldStart when current == '"':
                (_state, _quoteLine) = (State.Quoted, _line);
                return at + 1;
            case State.FieldStart or State.Unquoted:
                return Unquoted(buffer, at);
            case State.Quoted:
                return Quoted(buffer, at);
            default:
                return AfterQuote(current, at);
        }
    }

    private int Unquoted(ReadOnlySpan<byte> buffer, int at)
    {
        int stop = buffer[at..].IndexOfAny(delimiter, (byte)'\n');
        if (stop < 0)
        {
            _state = State.Unquoted;
            return buffer.Length;
        }

        EndField(buffer[at + stop]);
        return at + stop + 1;
    }

    private int Quoted(ReadOnlySpan<byte> buffer, int at)
    {
        int quote = buffer[at..].IndexOf((byte)'"');
        ReadOnlySpan<byte> content = quote < 0 ? buffer[at..] : buffer.Slice(at, quote);
        _line += content.Count((byte)'\n');
        if (quote >= 0)
        {
            _state = State.AfterQuote;
        }

        return at + content.Length + (quote < 0 ? 0 : 1);
    }

    private int AfterQuote(byte current, int at)
    {
        if (current == '"' && _state == State.AfterQuote)
        {
            _state = State.Quoted;
        }
        else if (current == '\r' && _state == State.AfterQuote)
        {
            _state = State.AfterQuoteCarriageReturn;
        }
        else if (current == '\n' || (current == delimiter && _state == State.AfterQuote))
        {
            EndField(current);
        }
        else
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{file.Path}:{_line}: text follows the closing quote of a field; expected a delimiter or the end of the line. Double the quotes that belong to the text."));
        }

        return at + 1;
    }

    private void EndField(byte terminator)
    {
        _state = terminator == '\n' ? State.RecordStart : State.FieldStart;
        _line += terminator == '\n' ? 1 : 0;
    }
}
