using System.Text.Json;
using Lorikeet.Nn.Weights;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Cli.Parity;

/// <summary>Area <c>tokenizers</c>: texts to ids, tokens and offsets, and back; pairs; decoding of every prefix.</summary>
internal sealed class TokenizersArea(ParityRun run)
{
    private const string Area = "tokenizers", CasesName = "cases.json";

    public void Run(CancellationToken cancellation)
    {
        foreach (string name in ParityFiles.Directories(run.At(Area)))
        {
            cancellation.ThrowIfCancellationRequested();
            run.Guard(new CheckId(Area, "", name, CasesName), () => Check(name));
            run.FlushDumps();
        }
    }

    private void Check(string name)
    {
        string file = run.At(Area, name, "tokenizer.json"), cases = run.At(Area, name, CasesName);
        if (!File.Exists(file) || !File.Exists(cases))
        {
            run.Skip(new CheckId(Area, "", name, CasesName), "tokenizer.json or cases.json is not here");
            return;
        }

        Tokenizer tokenizer = Tokenizer.Load(file);
        var golden = new GoldenItem(run, new CheckId(Area, "", name, ""), JsonFile.Read(cases));
        golden.Sources("name", "offsets");
        golden.Exact("vocab_size", tokenizer.VocabularySize);
        golden.List("cases", (item, source) => Text(item, source, tokenizer));
        golden.List("pairs", (item, source) => Pair(item, source, tokenizer));
        golden.List("partial_decodes", (item, source) => Prefixes(item, source, tokenizer));
        golden.SkipOthers();
        run.DumpOf(Area, name, CasesName)?.Json(golden.Computed);
    }

    private static void Text(GoldenItem item, JsonElement source, Tokenizer tokenizer)
    {
        item.Sources("text");
        string text = source.GetProperty("text").GetString()!;
        int[] ids = tokenizer.Encode(text).Ids;
        Encoding bare = tokenizer.Encode(text, addSpecialTokens: false);
        item.Exact("ids", ids);
        item.Exact("ids_no_special", bare.Ids);
        item.Exact("tokens", bare.Tokens);
        item.Exact("offsets", bare.Offsets.Select(o => (int[])[o.Start, o.End]));
        item.Exact("decoded", tokenizer.Decode(ids));
        item.Exact("decoded_skip_special", tokenizer.Decode(ids, skipSpecialTokens: true));
    }

    private static void Pair(GoldenItem item, JsonElement source, Tokenizer tokenizer)
    {
        item.Sources("text", "pair");
        Encoding encoding = tokenizer.EncodePair(source.GetProperty("text").GetString()!, source.GetProperty("pair").GetString()!);
        item.Exact("ids", encoding.Ids);
        item.Exact("type_ids", encoding.TypeIds);
    }

    private static void Prefixes(GoldenItem item, JsonElement source, Tokenizer tokenizer)
    {
        item.Sources("ids");
        int[] ids = [.. source.GetProperty("ids").EnumerateArray().Select(v => v.GetInt32())];
        item.Exact("prefix_decodes", Enumerable.Range(1, ids.Length).Select(n => tokenizer.Decode(ids.AsSpan(0, n))));
    }
}
