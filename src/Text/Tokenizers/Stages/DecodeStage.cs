using System.Text;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// One step of decoding. Tokens flow through a chain of steps; a step that joins tokens passes its single result on in
/// fragments as soon as they are certain, so that decoding a stream and decoding a list are the same thing.
/// </summary>
internal abstract class DecodeStage
{
    /// <summary>The step after this one.</summary>
    public required DecodeStage Next { get; init; }

    /// <summary>Takes a token or a fragment of one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="first">It begins a token.</param>
    /// <param name="last">It ends the token.</param>
    public abstract void Push(string text, bool first, bool last);

    /// <summary>No more tokens come: passes on what was held back.</summary>
    public virtual void Finish() => Next.Finish();
}

/// <summary>The end of the chain.</summary>
internal sealed class DecodeOutput : DecodeStage
{
    private readonly StringBuilder _text = new();

    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public DecodeOutput() => Next = this;

    public override void Push(string text, bool first, bool last) => _text.Append(text);

    public override void Finish()
    {
    }

    /// <summary>What arrived since the last call.</summary>
    public string Take()
    {
        if (_text.Length == 0)
        {
            return "";
        }

        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}

/// <summary>A step that needs whole tokens: fragments are collected first.</summary>
internal abstract class TokenStage : DecodeStage
{
    private readonly StringBuilder _token = new();

    public sealed override void Push(string text, bool first, bool last)
    {
        if (first && last)
        {
            PushToken(text);
            return;
        }

        _token.Append(text);
        if (last)
        {
            string token = _token.ToString();
            _token.Clear();
            PushToken(token);
        }
    }

    protected abstract void PushToken(string token);

    protected void Emit(string token) => Next.Push(token, first: true, last: true);
}

/// <summary>A step that joins all tokens into one.</summary>
internal abstract class JoinStage : TokenStage
{
    private bool _started;

    public override void Finish()
    {
        Next.Push(Rest(), !_started, last: true);
        Next.Finish();
    }

    /// <summary>Text that was held back.</summary>
    protected virtual string Rest() => "";

    protected void EmitFragment(string text)
    {
        if (text.Length > 0)
        {
            Next.Push(text, !_started, last: false);
            _started = true;
        }
    }
}

/// <summary>Tokens one behind the other.</summary>
internal sealed class FuseStage : JoinStage
{
    protected override void PushToken(string token) => EmitFragment(token);
}

/// <summary>No decoder: tokens with a space between.</summary>
internal sealed class SpacedStage : JoinStage
{
    private bool _any;

    protected override void PushToken(string token)
    {
        EmitFragment(_any ? " " + token : token);
        _any = true;
    }
}

/// <summary>Byte characters back to bytes, bytes to text; what is no UTF-8 becomes U+FFFD.</summary>
internal sealed class ByteLevelStage : JoinStage
{
    private readonly Decoder _utf8 = System.Text.Encoding.UTF8.GetDecoder();
    private char[] _chars = new char[64];

    protected override void PushToken(string token) => EmitFragment(Decode(ByteAlphabet.Bytes(token), flush: false));

    protected override string Rest() => Decode([], flush: true);

    private string Decode(byte[] bytes, bool flush)
    {
        int most = System.Text.Encoding.UTF8.GetMaxCharCount(bytes.Length) + 4;
        if (_chars.Length < most)
        {
            _chars = new char[most];
        }

        int count = _utf8.GetChars(bytes, _chars, flush);
        return count == 0 ? "" : new string(_chars, 0, count);
    }
}
