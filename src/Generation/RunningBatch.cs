using Lorikeet.Models;

namespace Lorikeet.Generation;

/// <summary>The sequences that are being answered: places, and the prompts that wait for one.</summary>
internal sealed class RunningBatch(LoadedModel loaded, SamplingOptions sampling, BatchOptions options, Func<int, int, DecodeSession> open) : IDisposable
{
    private readonly Queue<BatchPrompt> _waiting = new();
    private Place?[] _places = [];
    private DecodeSession? _session;
    private bool _isExhausted;

    /// <summary>Whether a sequence is in work.</summary>
    public bool IsBusy => _places.Any(p => p is not null);

    /// <summary>Gives free places to prompts, in their order.</summary>
    /// <returns>Whether a prompt was admitted.</returns>
    public bool Admit(IEnumerator<BatchPrompt> source, CancellationToken cancellation)
    {
        bool admitted = false;
        while (Pull(source) && FitsNow())
        {
            admitted = true;
            Prefill(Take(), cancellation);
        }

        return admitted;
    }

    /// <summary>Chooses a token for every sequence and computes the scores of the next.</summary>
    /// <returns>The answers that are finished with it; their places are free.</returns>
    public List<BatchAnswer> Step(CancellationToken cancellation)
    {
        var finished = new List<BatchAnswer>();
        int[] next = new int[_places.Length];
        for (int b = 0; b < next.Length; b++)
        {
            next[b] = _places[b] is { } place ? place.Reply.Advance(place.Logits) : -1;
            if (_places[b] is { Reply.IsDone: true } done)
            {
                finished.Add(new BatchAnswer(done.Prompt.Key, done.Prompt.Sample.Ids.Length, done.Reply.Finish()));
                _places[b] = null;
            }
        }

        if (IsBusy)
        {
            float[][] logits = _session!.Step(next, cancellation);
            for (int b = 0; b < next.Length; b++)
            {
                if (_places[b] is { } place)
                {
                    place.Logits = logits[b];
                }
            }
        }

        return finished;
    }

    public void Dispose() => _session?.Dispose();

    /// <summary>Whether a prompt waits and has a free place. Pictures are large: no more prompts are held than can be answered at once.</summary>
    private bool Pull(IEnumerator<BatchPrompt> source)
    {
        int wanted = _session is null ? options.BatchSize : 1;
        while (!_isExhausted && _waiting.Count < wanted && (_session is null || _places.Any(p => p is null)))
        {
            if (source.MoveNext())
            {
                _waiting.Enqueue(source.Current);
            }
            else
            {
                _isExhausted = true;
            }
        }

        return _waiting.Count > 0 && (_session is null || _places.Any(p => p is null));
    }

    /// <summary>Whether the next prompt fits into the cache. One that does not waits until all others are done; then a larger one is opened.</summary>
    private bool FitsNow()
    {
        int needed = Needed(_waiting.Peek());
        if (_session is not null && needed <= _session.Capacity)
        {
            return true;
        }

        if (IsBusy)
        {
            return false;
        }

        _session?.Dispose();
        _session = null;
        int places = _isExhausted ? Math.Min(options.BatchSize, _waiting.Count) : options.BatchSize;
        int longest = _waiting.Max(Needed);

        // Some room, so that a slightly longer prompt doesn't empty the batch.
        _session = open(places, _isExhausted ? longest : longest + (longest / 8));
        _places = new Place?[places];
        return true;
    }

    private int Needed(BatchPrompt prompt) => prompt.Sample.Ids.Length + sampling.MaxNewTokens;

    /// <summary>The next prompts that are read in one pass, with their places.</summary>
    private List<(int Place, BatchPrompt Prompt)> Take()
    {
        var taken = new List<(int Place, BatchPrompt Prompt)>();
        int tokens = 0;
        for (int b = 0; b < _places.Length && _waiting.TryPeek(out BatchPrompt? prompt); b++)
        {
            if (_places[b] is not null)
            {
                continue;
            }

            tokens += prompt.Sample.Ids.Length;
            if (taken.Count > 0 && (tokens > options.PrefillTokens || Needed(prompt) > _session!.Capacity))
            {
                break;
            }

            taken.Add((b, _waiting.Dequeue()));
        }

        return taken;
    }

    private void Prefill(List<(int Place, BatchPrompt Prompt)> taken, CancellationToken cancellation)
    {
        ModelInput input = loaded.Processor.Collate([.. taken.Select(t => t.Prompt.Sample)]);
        float[][] logits = _session!.Prefill(input, [.. taken.Select(t => t.Place)], cancellation);
        foreach ((int b, BatchPrompt prompt) in taken)
        {
            _places[b] = new Place(prompt, new ReplyInProgress(loaded, sampling, prompt.Sample.Ids, prompt.Key, null)) { Logits = logits[b] };
        }
    }

    private sealed class Place(BatchPrompt prompt, ReplyInProgress reply)
    {
        public BatchPrompt Prompt => prompt;

        public ReplyInProgress Reply => reply;

        public float[] Logits { get; set; } = [];
    }
}
