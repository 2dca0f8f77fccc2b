using System.Text.Json;
using Lorikeet.Data;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Training.Batching;

/// <summary>
/// How many tokens each row of a data set becomes, found by measuring every row once (no picture is decoded) and kept in a file, so
/// that continuing a run need not measure again.
/// </summary>
/// <param name="Identity">What the lengths depend on: data, model, settings.</param>
/// <param name="Tokens">Tokens of each row; 0 for rows that are left out.</param>
/// <param name="Remarks">Rows left out or changed.</param>
public sealed record SampleLengths(string Identity, IReadOnlyList<int> Tokens, IReadOnlyList<RowRemark> Remarks)
{
    /// <summary>Name of the file in an output directory.</summary>
    public const string FileName = "sample_lengths.json";

    private const int Chunk = 64, Workers = 4, ChunksAhead = 8;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Measures every row.</summary>
    /// <param name="loader">The rows.</param>
    /// <param name="identity">What the lengths depend on.</param>
    /// <param name="progress">Told rows done and rows in all.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="InvalidDataException">A row is unusable and not to be left out, or there are more rows than an array holds.</exception>
    public static SampleLengths Measure(SampleLoader loader, string identity, Action<long, long> progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(loader);
        if (loader.Count > Array.MaxLength)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{loader.Count} rows are too many to pack; expected at most {Array.MaxLength}"));
        }

        int[] tokens = new int[loader.Count];
        var remarks = new List<RowRemark>();
        long chunks = (loader.Count + Chunk - 1) / Chunk, done = 0;
        using var measured = new Prefetcher<LoadedSample[]>(0, chunks, Load, ChunksAhead, Workers);
        while (measured.TryTake(out LoadedSample[] samples, cancellation))
        {
            foreach ((Models.EncodedSample? sample, RowRemark? remark, _) in samples)
            {
                tokens[done++] = sample?.Ids.Length ?? 0;
                if (remark is not null)
                {
                    remarks.Add(remark);
                }
            }

            progress(done, loader.Count);
        }

        return new SampleLengths(identity, tokens, remarks);

        LoadedSample[] Load(long chunk, CancellationToken stop)
        {
            long start = chunk * Chunk;
            var samples = new LoadedSample[Math.Min(Chunk, loader.Count - start)];
            for (int i = 0; i < samples.Length; i++)
            {
                stop.ThrowIfCancellationRequested();
                samples[i] = loader.Measure(start + i);
            }

            return samples;
        }
    }

    /// <summary>Lengths that were kept; null if there are none, or they are for something else, or the file is damaged.</summary>
    public static SampleLengths? Read(string path, string identity)
    {
        try
        {
            return File.Exists(path) && JsonSerializer.Deserialize<SampleLengths>(File.ReadAllBytes(path), Json) is { Tokens: not null, Remarks: not null } kept && kept.Identity == identity
                ? kept
                : null;
        }
        catch (JsonException)
        {
            // Damaged: measured again, which costs time and nothing else.
            return null;
        }
    }

    /// <summary>Keeps the lengths.</summary>
    public void Save(string path) => AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, this, Json));
}
