using System.Text.Json;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Imaging.Tests;

/// <summary>Every operation of the reference file, recomputed from the source pictures.</summary>
public sealed class ImageGoldenTests
{
    private static readonly JsonElement[] Cases =
        [.. JsonDocument.Parse(File.ReadAllText(Golden.Path("images", "expected.json"))).RootElement.GetProperty("cases").EnumerateArray()];

    public static TheoryData<string> Keys() => [.. Cases.Select(c => c.GetProperty("key").GetString()!)];

    [Theory]
    [MemberData(nameof(Keys))]
    public void EqualsPillow(string key)
    {
        var golden = Cases.Single(c => c.GetProperty("key").GetString() == key);
        string file = golden.GetProperty("file").GetString()!;
        using var expected = SafeTensorsFile.Open(Golden.Path("images", "expected.safetensors"));
        var shape = expected.Info(key).Shape;

        var actual = Compute(golden, ImageDecoder.Decode(Golden.Path("images", file)));

        Assert.Equal((shape[0], shape[1]), ((long)actual.Height, actual.Width));
        int[] want = key == "grey16.values"
            ? [.. expected.ReadI64(key).Select(v => (int)v)]
            : [.. expected.ReadBytes(key).Select(v => (int)v)];
        int[] got = actual.Mode == PixelMode.I16
            ? [.. Enumerable.Range(0, actual.Pixels.Length / 2).Select(i => actual.Pixels[2 * i] | (actual.Pixels[2 * i + 1] << 8))]
            : [.. actual.Pixels.Select(v => (int)v)];
        Assert.Equal(want.Length, got.Length);
        int worst = want.Zip(got, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst == 0, $"{key}: off by up to {worst} at {want.Zip(got).Count(p => p.First != p.Second)} of {want.Length} values");
    }

    private static Image Compute(JsonElement golden, Image source)
    {
        string op = golden.GetProperty("op").GetString()!;
        int Int(string name) => golden.GetProperty(name).GetInt32();
        var filter = golden.TryGetProperty("filter", out var f) ? Enum.Parse<ResizeFilter>(f.GetString()!, ignoreCase: true) : default;
        string mode = golden.TryGetProperty("mode", out var m) ? m.GetString()! : "";
        return op switch
        {
            "resize" => Resize.Apply(source, Int("width"), Int("height"), filter, Box(golden)),
            "thumbnail" => Resize.Thumbnail(source, Int("max_width"), Int("max_height"), filter),
            "decode, convert('RGBA')" => source.ToRgba(),
            "16-bit samples" or "decode" or "1-bit image as 0/255" => source,
            _ when op.StartsWith("exif_transpose", StringComparison.Ordinal) => source.Upright().ToRgb(),
            _ when op.StartsWith("convert('RGB')", StringComparison.Ordinal) || op == "decode, convert('RGB')" => source.ToRgb(),
            _ when op.Contains("white", StringComparison.Ordinal) => source.OnWhite(),
            _ when op.StartsWith("decode (Adobe", StringComparison.Ordinal) && mode == "CMYK" => source,
            _ => throw new InvalidOperationException($"operation `{op}` is not known to this test"),
        };
    }

    private static ResizeBox? Box(JsonElement golden)
    {
        if (!golden.TryGetProperty("box", out var box) || box.ValueKind == JsonValueKind.Null)
        {
            return null;
        }
        float[] edges = [.. box.EnumerateArray().Select(e => e.GetSingle())];
        return new ResizeBox(edges[0], edges[1], edges[2], edges[3]);
    }
}
