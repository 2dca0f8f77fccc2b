using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Cli.Parity;

/// <summary>Area <c>images</c>: decoding, conversion and resizing of source pictures.</summary>
internal sealed class ImagesArea(ParityRun run)
{
    private const string Area = "images", ListName = "expected.json", TensorsName = "expected.safetensors";

    /// <summary>Decoders of JPEG may differ by a level; everything else is exact.</summary>
    private const double JpegTolerance = 1;

    public void Run() => run.Guard(new CheckId(Area, "", "", ListName), () =>
    {
        if (!File.Exists(run.At(Area, ListName)) || !File.Exists(run.At(Area, TensorsName)))
        {
            if (Directory.Exists(run.At(Area)))
            {
                run.Skip(new CheckId(Area, "", "", ListName), "expected.json or expected.safetensors is not here");
            }

            return;
        }

        using SafeTensorsFile expected = SafeTensorsFile.Open(run.At(Area, TensorsName));
        HashSet<string> unknown = [.. expected.Tensors.Keys];
        foreach (JsonElement item in JsonFile.Read(run.At(Area, ListName)).GetProperty("cases").EnumerateArray())
        {
            string key = item.GetProperty("key").GetString()!;
            unknown.Remove(key);
            var id = new CheckId(Area, "", key, item.GetProperty("op").GetString()!);
            run.Guard(id, () => Check(id, item, expected));
        }

        foreach (string key in unknown.Order(StringComparer.Ordinal))
        {
            run.Skip(new CheckId(Area, "", key, "pixels"), "expected.json does not say how it was made");
        }
    });

    private void Check(CheckId id, JsonElement item, SafeTensorsFile expected)
    {
        string file = item.GetProperty("file").GetString()!;
        Image source = ImageDecoder.Decode(run.At(Area, file));
        if (Compute(item, source) is not { } image)
        {
            run.Skip(id, "an operation that is not known here");
            return;
        }

        int[] values = Values(image);
        int channels = values.Length / (image.Width * image.Height);
        long[] shape = channels == 1 ? [image.Height, image.Width] : [image.Height, image.Width, channels];
        Dump(id.Case, values, shape, expected);
        TensorInfo info = expected.Info(id.Case);
        if (!info.Shape.AsSpan().SequenceEqual(shape))
        {
            run.Exact(id, false, $"the picture is [{string.Join(", ", shape)}], expected [{string.Join(", ", info.Shape)}]");
            return;
        }

        long[] wanted = expected.ReadI64(id.Case);
        double worst = 0;
        for (int i = 0; i < values.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(values[i] - wanted[i]));
        }

        bool isJpeg = Path.GetExtension(file) is ".jpg" or ".jpeg";
        bool isResampled = item.GetProperty("op").GetString() is "resize" or "thumbnail";
        run.Check(id, worst, isJpeg && !isResampled ? JpegTolerance : 0);
    }

    private void Dump(string key, int[] values, long[] shape, SafeTensorsFile expected)
    {
        DumpFile? dump = run.DumpOf(Area, TensorsName);
        if (expected.Tensors.TryGetValue(key, out TensorInfo? info) && info.DType == SafeDType.I32)
        {
            dump?.Add(key, values, shape);
        }
        else
        {
            dump?.Add(key, Array.ConvertAll(values, v => (byte)v), shape);
        }
    }

    /// <summary>What the golden's operation makes of a picture, or null if it isn't known.</summary>
    private static Image? Compute(JsonElement item, Image source)
    {
        string op = item.GetProperty("op").GetString()!;
        string mode = item.TryGetProperty("mode", out JsonElement m) && m.ValueKind == JsonValueKind.String ? m.GetString()! : "";
        return op switch
        {
            "resize" => Resize.Apply(source, Int(item, "width"), Int(item, "height"), Filter(item), Box(item)),
            "thumbnail" => Resize.Thumbnail(source, Int(item, "max_width"), Int(item, "max_height"), Filter(item)),
            "decode" or "16-bit samples" or "1-bit image as 0/255" => source,
            "decode, convert('RGBA')" => source.ToRgba(),
            "decode, convert('RGB')" => source.ToRgb(),
            _ when op.StartsWith("exif_transpose", StringComparison.Ordinal) => source.Upright().ToRgb(),
            _ when op.StartsWith("convert('RGB')", StringComparison.Ordinal) => source.ToRgb(),
            _ when op.Contains("white", StringComparison.Ordinal) => source.OnWhite(),
            _ when op.StartsWith("decode (Adobe", StringComparison.Ordinal) && mode == "CMYK" => source,
            _ => null,
        };
    }

    private static ResizeFilter Filter(JsonElement item) =>
        Enum.TryParse(item.GetProperty("filter").GetString(), ignoreCase: true, out ResizeFilter filter)
            ? filter
            : throw new InvalidDataException($"the filter '{item.GetProperty("filter").GetString()}' is not known");

    private static ResizeBox? Box(JsonElement item)
    {
        if (!item.TryGetProperty("box", out JsonElement box) || box.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        float[] edges = [.. box.EnumerateArray().Select(e => e.GetSingle())];
        return new ResizeBox(edges[0], edges[1], edges[2], edges[3]);
    }

    private static int Int(JsonElement item, string key) => item.GetProperty(key).GetInt32();

    private static int[] Values(Image image) => image.Mode == PixelMode.I16
        ? [.. Enumerable.Range(0, image.Pixels.Length / 2).Select(i => image.Pixels[2 * i] | (image.Pixels[(2 * i) + 1] << 8))]
        : Array.ConvertAll(image.Pixels, v => (int)v);
}
