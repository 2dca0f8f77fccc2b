using System.Globalization;
using System.Text.Json;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Cli.Parity;

/// <summary>The micro-batches of a training golden: texts, ids, masks, labels, pixels.</summary>
internal sealed class SftDataChecks(ParityRun run, string family, SftSources sources, Processor processor)
{
    private const string Area = "training", Name = "sft_data";
    private const double PixelTolerance = 1e-5;

    public void Run()
    {
        var golden = new GoldenItem(run, new CheckId(Area, family, Name, ""), JsonFile.Read(run.At(Area, family, Name + ".json")));
        golden.Sources("microbatches");
        golden.Exact("text", sources.Samples.Select(batch => batch.Select(s => s.Rendered)));
        golden.SkipOthers();
        run.DumpOf(Area, family, Name + ".json")?.Json(golden.Computed);
        if (File.Exists(run.At(Area, family, Name + ".safetensors")))
        {
            Tensors();
        }
    }

    private void Tensors()
    {
        using SafeTensorsFile expected = SafeTensorsFile.Open(run.At(Area, family, Name + ".safetensors"));
        HashSet<string> unknown = [.. expected.Tensors.Keys];
        long padding = processor.Tokenizer.PadToken is { } pad && processor.Tokenizer.TokenToId(pad) is { } id ? id : 0;
        for (int i = 0; i < sources.Samples.Count; i++)
        {
            IReadOnlyList<EncodedSample> batch = sources.Samples[i];
            long[] shape = [batch.Count, batch.Max(s => s.Ids.Length)];
            var computed = new Dictionary<string, (Array Values, long[] Shape)>(processor.ReferenceImages(batch))
            {
                ["input_ids"] = (EncodedCase.PadRight(batch, s => s.Ids, padding), shape),
                ["attention_mask"] = (EncodedCase.PadRight(batch, s => [.. s.Ids.Select(_ => 1)], 0), shape),
                ["labels"] = (EncodedCase.PadRight(batch, s => s.Labels, TokenBatch.Ignored), shape),
            };

            // Names with a dot are the model's own quantities, which these files don't hold.
            foreach ((string name, (Array values, long[] dimensions)) in computed.Where(c => !c.Key.Contains('.', StringComparison.Ordinal)).OrderBy(c => c.Key, StringComparer.Ordinal))
            {
                string key = string.Create(CultureInfo.InvariantCulture, $"mb{i}.{name}");
                unknown.Remove(key);
                run.Guard(new CheckId(Area, family, Name, key), () => One(key, values, dimensions, expected));
            }
        }

        foreach (string key in unknown.Order(StringComparer.Ordinal))
        {
            run.Skip(new CheckId(Area, family, Name, key), "a tensor that is not known here");
        }
    }

    private void One(string key, Array values, long[] shape, SafeTensorsFile expected)
    {
        var id = new CheckId(Area, family, Name, key);
        DumpFile? dump = run.DumpOf(Area, family, Name + ".safetensors");
        if (values is float[] floats)
        {
            dump?.Add(key, floats, shape);
            run.Check(id, expected.Info(key).Shape.AsSpan().SequenceEqual(shape) ? Distance.MaxAbs(floats, expected.ReadF32(key)) : double.PositiveInfinity, PixelTolerance);
            return;
        }

        long[] integers = values as long[] ?? [.. values.Cast<object>().Select(v => Convert.ToInt64(v, CultureInfo.InvariantCulture))];
        if (expected.Info(key).DType == SafeDType.U8)
        {
            dump?.Add(key, Array.ConvertAll(integers, v => (byte)v), shape);
        }
        else
        {
            dump?.Add(key, integers, shape);
        }

        JsonElement computed = JsonSerializer.SerializeToElement(integers), wanted = JsonSerializer.SerializeToElement(expected.ReadI64(key));
        bool equal = expected.Info(key).Shape.AsSpan().SequenceEqual(shape) && JsonElement.DeepEquals(computed, wanted);
        run.Exact(id, equal, equal ? "" : GoldenItem.Difference(computed, wanted));
    }
}
