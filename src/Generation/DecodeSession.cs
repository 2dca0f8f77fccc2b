using Lorikeet.Models;
using Lorikeet.Nn;
using Lorikeet.Tensors;

namespace Lorikeet.Generation;

/// <summary>Next-token logits of a batch of sequences: prompts as a whole, then one token at a time over a key/value cache.</summary>
/// <remarks>
/// Sequences are not padded; each may have its own length, and those that are finished cost nothing. A place whose sequence is finished
/// can take the next prompt while the others go on.
/// </remarks>
public sealed class DecodeSession : IDisposable
{
    private readonly VisionLanguageModel _model;
    private readonly Parameters _parameters;
    private readonly Compute _compute;
    private readonly KvCache _cache;

    /// <summary>Reserves the cache.</summary>
    /// <param name="model">The model.</param>
    /// <param name="parameters">Where tensors live.</param>
    /// <param name="compute">Arithmetic of matrix products.</param>
    /// <param name="sequences">Number of sequences B.</param>
    /// <param name="capacity">Tokens per sequence, prompt and answer.</param>
    public DecodeSession(VisionLanguageModel model, Parameters parameters, Compute compute, int sequences, int capacity)
    {
        _model = model;
        _parameters = parameters;
        _compute = compute;
        _cache = model.NewCache(parameters, sequences, capacity);
    }

    /// <summary>Number of places B.</summary>
    public int Sequences => _cache.Sequences;

    /// <summary>Tokens that a place can hold.</summary>
    public int Capacity => _cache.Capacity;

    /// <summary>Reads the prompts, one for each place.</summary>
    /// <param name="input">All prompts, pictures included.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <returns>Logits of the next token per sequence, [B][V].</returns>
    public float[][] Prefill(ModelInput input, CancellationToken cancellation = default) => Run(input, cancellation);

    /// <summary>Reads prompts into some places, whose earlier sequences are forgotten; the others keep theirs.</summary>
    /// <param name="input">The new prompts, pictures included.</param>
    /// <param name="places">The place of each prompt, ascending.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <returns>Logits of the next token, [B][V]; empty for the other places.</returns>
    public float[][] Prefill(ModelInput input, ReadOnlySpan<int> places, CancellationToken cancellation = default)
    {
        int[] lengths = new int[Sequences], features = new int[Sequences];
        int last = -1;
        for (int i = 0; i < places.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(places[i], last, nameof(places));
            last = places[i];
            lengths[last] = input.Tokens.Lengths[i];
            features[last] = input.Vision?.FeatureRows[i] ?? 0;
            _cache.Clear(last);
        }

        TokenBatch tokens = input.Tokens;
        return Run(new ModelInput(new TokenBatch(tokens.Ids, tokens.Labels, lengths, tokens.Keys), input.Vision is { } vision ? vision with { FeatureRows = features } : null), cancellation);
    }

    /// <summary>Adds one token to some sequences.</summary>
    /// <param name="tokens">The token per sequence, or -1 for a sequence that is finished.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <returns>Logits of the next token per sequence, [B][V]; empty for finished ones.</returns>
    public float[][] Step(ReadOnlySpan<int> tokens, CancellationToken cancellation = default)
    {
        var ids = new List<int>();
        int[] lengths = new int[tokens.Length];
        for (int b = 0; b < tokens.Length; b++)
        {
            if (tokens[b] >= 0)
            {
                ids.Add(tokens[b]);
                lengths[b] = 1;
            }
        }

        int[] labels = new int[ids.Count];
        Array.Fill(labels, TokenBatch.Ignored);
        return Run(new ModelInput(new TokenBatch([.. ids], labels, lengths, []), null) { IsReply = true }, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private float[][] Run(ModelInput input, CancellationToken cancellation)
    {
        using var scope = new StepScope(_parameters.Device, _parameters.Arena, record: false) { Compute = _compute, Cancellation = cancellation };
        Tensor hidden = _model.Hidden(scope, input, _cache);
        int[] starts = input.Tokens.Starts(), lengths = input.Tokens.Lengths;
        int[] active = [.. Enumerable.Range(0, lengths.Length).Where(b => lengths[b] > 0)];
        Tensor last = Tensors.Ops.GatherRows.Forward(scope, hidden, scope.From([.. active.Select(b => starts[b] + lengths[b] - 1)]));
        float[] logits = _model.LmHead.Forward(scope, last).ToHost<float>();
        int V = _model.VocabularySize;
        float[][] perSequence = new float[lengths.Length][];
        Array.Fill(perSequence, []);
        for (int i = 0; i < active.Length; i++)
        {
            perSequence[active[i]] = logits[(i * V)..((i + 1) * V)];
        }

        return perSequence;
    }
}
