using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Lorikeet.Tracking;

namespace Lorikeet.Cli.Tests;

/// <summary>Each way to fail: one message that names the place, the right exit code, and nothing half-written.</summary>
public sealed class WaysToFailTests : IDisposable
{
    private readonly TrainingFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_unspoilt_folder_trains()
    {
        var (code, messages, result) = _folder.Train();
        Assert.True(code == ExitCodes.Done, messages);
        Assert.Contains("finished after step 3", result, StringComparison.Ordinal);
        Assert.True(File.Exists(_folder.At("out", "adapter_model.safetensors")));
    }

    [Fact]
    public void Missing_data()
    {
        File.Delete(_folder.At("train.jsonl"));
        Refused("train.jsonl");
    }

    [Fact]
    public void Missing_model() => Refused("nowhere", "--model.path", _folder.At("nowhere"));

    [Fact]
    public void Missing_picture()
    {
        _folder.Write("train.jsonl", TrainingFolder.Row("none.png", "q", "a") + "\n");
        Refused("none.png");
    }

    [Fact]
    public void A_line_that_is_no_JSON()
    {
        File.AppendAllText(_folder.At("train.jsonl"), "{\"messages\": [\n");
        Refused("train.jsonl:7");
    }

    [Fact]
    public void An_unknown_key()
    {
        File.AppendAllText(_folder.At("run.yaml"), "lora: {rank_: 3}\n");
        Refused("run.yaml:4:8: unknown key 'lora.rank_'");
    }

    [Fact]
    public void An_unknown_architecture()
    {
        string config = File.ReadAllText(_folder.At("model", "config.json"));
        _folder.Write("model/config.json", config.Replace("\"smolvlm\"", "\"mystery\"", StringComparison.Ordinal));
        Refused("mystery");
    }

    [Fact]
    public void A_truncated_weight_file()
    {
        using (var file = File.OpenWrite(_folder.At("model", "model.safetensors")))
        {
            file.SetLength(file.Length / 2);
        }

        Refused("model.safetensors");
    }

    [Fact]
    public void A_weight_file_whose_header_lies()
    {
        byte[] bytes = File.ReadAllBytes(_folder.At("model", "model.safetensors"));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, ulong.MaxValue);
        File.WriteAllBytes(_folder.At("model", "model.safetensors"), bytes);
        Refused("model.safetensors");
    }

    [Fact]
    public void A_picture_that_is_none()
    {
        _folder.Write("square.png", "this is no picture");
        Refused("square.png");
    }

    [Fact]
    public void A_decompression_bomb()
    {
        File.WriteAllBytes(_folder.At("square.png"), PngOf(100_000, 100_000));
        Refused("square.png");
    }

    [Fact]
    public void A_picture_of_one_pixel_is_trained_on()
    {
        File.WriteAllBytes(_folder.At("square.png"), PngOf(1, 1));
        var (code, messages, _) = _folder.Train("--train.max_steps", "1");
        Assert.True(code == ExitCodes.Done, messages);
    }

    [Fact]
    public void A_sample_that_is_too_long() => Refused("max_length", "--data.max_length", "20");

    [Fact]
    public void No_supervised_token()
    {
        _folder.Write("train.jsonl", """{"messages":[{"role":"user","content":[{"type":"text","text":"only a question"}]}]}""" + "\n");
        Refused("train.jsonl:1");
    }

    [Fact]
    public void A_used_output_directory()
    {
        Assert.Equal(ExitCodes.Done, _folder.Train().Code);
        byte[] before = File.ReadAllBytes(_folder.At("out", "adapter_model.safetensors"));
        var (code, messages, result) = _folder.Train();
        Assert.Equal((ExitCodes.Input, ""), (code, result));
        Assert.Equal("error: out: already holds a run. Continue it with --resume, replace it with --overwrite, or choose another train.output_dir.\n", messages[messages.IndexOf("error:", StringComparison.Ordinal)..].Replace(_folder.Output, "out", StringComparison.Ordinal));
        Assert.Equal(before, File.ReadAllBytes(_folder.At("out", "adapter_model.safetensors")));
    }

    [Fact]
    public void A_run_that_cannot_start_does_not_replace_an_older_one()
    {
        Assert.Equal(ExitCodes.Done, _folder.Train().Code);
        Assert.Equal(ExitCodes.Input, _folder.Train("--overwrite", "--data.train", _folder.At("none.jsonl")).Code);
        Assert.True(File.Exists(_folder.At("out", "adapter_model.safetensors")));
    }

    [Fact]
    public void A_loss_that_is_no_number()
    {
        var (code, messages, result) = _folder.Train("--train.learning_rate", "1e30", "--train.max_grad_norm", "0", "--train.max_steps", "20");
        Assert.Equal((ExitCodes.NotANumber, ""), (code, result));
        Assert.Matches(@"error: the (loss|gradient norm) became (NaN|∞|Infinity|-?\S+) in step \d+ of 20\.", messages);
        Assert.True(_folder.HasNoResult, messages);
        Assert.Equal(ExitCodes.NotANumber, Assert.Single(RunHistory.Read(_folder.At("out", "events.jsonl")).Events.OfType<RunFailed>()).ExitCode);
    }

    [Fact]
    public void Ctrl_C_finishes_the_step_and_saves_and_resume_ends_as_if_nothing_had_happened()
    {
        var test = new TestHost();
        // The first figures come after step 1: that is when the user presses Ctrl-C.
        test.OnMessage = text =>
        {
            if (text.StartsWith("step 1/", StringComparison.Ordinal) && !test.Host.Stop.Token.IsCancellationRequested)
            {
                test.Host.Stop.Request(TextWriter.Null);
            }
        };
        var (code, messages, _) = _folder.Train(test, "--train.max_steps", "5");
        Assert.True(code == ExitCodes.Interrupted, messages);
        Assert.False(File.Exists(_folder.At("out", "adapter_model.safetensors")));
        Assert.Single(Directory.GetDirectories(_folder.Output, "checkpoint-*"));

        Assert.Equal(ExitCodes.Done, _folder.Train("--train.max_steps", "5", "--resume").Code);
        byte[] resumed = File.ReadAllBytes(_folder.At("out", "adapter_model.safetensors"));
        Assert.Equal(ExitCodes.Done, _folder.Train("--train.max_steps", "5", "--overwrite").Code);
        Assert.Equal(File.ReadAllBytes(_folder.At("out", "adapter_model.safetensors")), resumed);
    }

    private void Refused(string named, params string[] more)
    {
        var (code, messages, result) = _folder.Train(more);
        string error = messages.Contains("error: ", StringComparison.Ordinal) ? messages[messages.IndexOf("error: ", StringComparison.Ordinal)..] : messages;
        Assert.True(code == ExitCodes.Input, messages);
        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Empty(result);
        Assert.True(_folder.HasNoResult, messages);
    }

    // A grey picture with all pixels zero; the data of a large one are cut short, its size is not.
    private static byte[] PngOf(int width, int height)
    {
        var png = new MemoryStream();
        png.Write([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        Chunk(png, "IHDR", header);
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(new byte[Math.Min(1 << 20, (width + 1) * (long)height)]);
        }

        Chunk(png, "IDAT", packed.ToArray());
        Chunk(png, "IEND", []);
        return png.ToArray();
    }

    private static void Chunk(Stream png, string type, byte[] data)
    {
        byte[] number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        png.Write(number);
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        png.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        png.Write(number);
    }

    private static uint Crc(byte[] data)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
            }
        }

        return ~crc;
    }
}
