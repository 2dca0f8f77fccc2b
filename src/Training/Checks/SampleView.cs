using Lorikeet.Imaging;
using Lorikeet.Models;

namespace Lorikeet.Training.Checks;

/// <summary>A sample as the model will see it.</summary>
public sealed record SampleView
{
    /// <summary>0-based number in the data.</summary>
    public required long Index { get; init; }

    /// <summary>Where the row stands, <c>file:line</c>.</summary>
    public required string Origin { get; init; }

    /// <summary>Its tokens, runs of image tokens as one; empty where training takes nothing of the row.</summary>
    public IReadOnlyList<TokenView> Tokens { get; init; } = [];

    /// <summary>Its pictures, in the order of their places in the text.</summary>
    public IReadOnlyList<PictureView> Pictures { get; init; } = [];

    /// <summary>Why training takes nothing of the row, or refuses it; null if it takes it.</summary>
    public string? Problem { get; init; }

    /// <summary>What is odd about the row, or was done to it; one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Number of tokens.</summary>
    public int TokenCount => Tokens.Sum(t => t.Count);

    /// <summary>Number of tokens that carry loss.</summary>
    public int Supervised => Tokens.Sum(t => t.CarriesLoss ? t.Count : 0);

    /// <summary>Number of image tokens.</summary>
    public int ImageTokens => Pictures.Sum(p => p.Shape.Tokens);
}

/// <summary>A token, or a run of the same special token.</summary>
/// <param name="Position">0-based position of the first of them.</param>
/// <param name="Id">Token id.</param>
/// <param name="Piece">The token as the vocabulary spells it.</param>
/// <param name="Text">The text that it completes; empty for the first bytes of a character.</param>
/// <param name="CarriesLoss">Whether the model is trained to predict it.</param>
/// <param name="IsSpecial">Whether it is a special token.</param>
/// <param name="Count">How many times it stands there in a row.</param>
public readonly record struct TokenView(int Position, int Id, string Piece, string Text, bool CarriesLoss, bool IsSpecial, int Count)
{
    /// <summary>The tokens of a sample.</summary>
    internal static IReadOnlyList<TokenView> Of(EncodedSample sample, Text.Tokenizers.Tokenizer tokenizer)
    {
        var decoder = tokenizer.CreateStream(skipSpecialTokens: false);
        var tokens = new List<TokenView>();
        for (int i = 0; i < sample.Ids.Length; i++)
        {
            // Nothing predicts the first token, whatever its label says.
            bool carriesLoss = i > 0 && sample.Labels[i] != TokenBatch.Ignored;
            int id = sample.Ids[i];
            string text = decoder.Push(id);
            bool isSpecial = tokenizer.IsSpecial(id);
            if (isSpecial && tokens.Count > 0 && tokens[^1].Id == id && tokens[^1].CarriesLoss == carriesLoss)
            {
                tokens[^1] = tokens[^1] with { Count = tokens[^1].Count + 1 };
                continue;
            }

            tokens.Add(new TokenView(i, id, tokenizer.IdToToken(id) ?? "", text, carriesLoss, isSpecial, 1));
        }

        string rest = decoder.Flush();
        if (rest.Length > 0)
        {
            tokens[^1] = tokens[^1] with { Text = tokens[^1].Text + rest };
        }

        return tokens;
    }
}

/// <summary>A picture of a sample.</summary>
/// <param name="Name">Its file, or where the row holds it.</param>
/// <param name="Stored">Its size in the file, in pixels.</param>
/// <param name="Shape">What the model sees of it.</param>
/// <param name="Seen">Its pixels as the model sees them, with normalisation undone.</param>
public sealed record PictureView(string Name, PixelSize Stored, PictureShape Shape, Image Seen);
