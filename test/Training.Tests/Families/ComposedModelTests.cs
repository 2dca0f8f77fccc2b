using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Models.Composing;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Training.Tests.Families;

/// <summary>A tower for pictures of any resolution before a foreign text model: each part does what it does where it comes from.</summary>
public sealed class ComposedModelTests
{
    private const string Projector = "model.multi_modal_projector.";

    [Theory]
    [InlineData("qwen2_vl", "llava")]
    [InlineData("qwen2_5_vl", "llava_phi3")]
    public void The_projector_reads_the_features_that_the_tower_gives_in_its_own_model(string vision, string text)
    {
        using var composed = new FamilyDirectory($"composed of {vision} {text}");
        float[] merged = Observed(Golden.Path("models", vision), "image_features"), projected = Observed(composed.Path, "image_features.projector");
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(composed.Path, "model.safetensors"));
        float[] hidden = Linear(file, "linear_1", merged);
        float[] expected = Linear(file, "linear_2", [.. hidden.Select(x => (float)(0.5 * x * (1 + Erf(x / Math.Sqrt(2)))))]);
        Assert.Equal(expected.Length, projected.Length);
        float scale = expected.Max(Math.Abs);
        Assert.True(expected.Zip(projected, (a, b) => Math.Abs(a - b)).Max() <= 1e-5 * scale);
    }

    /// <summary>
    /// A projector that gives the image token's own embedding makes the picture text: then the text model alone must agree, and with it the
    /// positions, which count in one dimension.
    /// </summary>
    [Theory]
    [InlineData("qwen2_vl", "llava")]
    [InlineData("qwen2_5_vl", "llava_phi3")]
    public void Features_stand_among_the_text_as_tokens_do(string vision, string text)
    {
        using var composed = new FamilyDirectory($"composed of {vision} {text}");
        using var folder = new Runs.TinyRun();
        string alone = ModelPart.Text(text, Path.Combine(folder.Folder, "alone"));
        LetPicturesBeTokens(composed.Path);
        using var whole = new Loaded(composed.Path);
        using var part = new Loaded(alone);
        EncodedSample sample = whole.Encode("landscape.png", "tiny.png");
        Assert.Equal(
            part.Hidden(new ModelInput(part.Model.Processor.Collate([sample with { Layout = null, Pixels = null }]).Tokens, null)),
            whole.Hidden(whole.Model.Processor.Collate([sample])));
    }

    [Fact]
    public void A_tower_is_found_under_the_names_of_both_generations()
    {
        using var folder = new Runs.TinyRun();
        string newer = Path.Combine(folder.Folder, "newer"), text = ModelPart.Text("llava", Path.Combine(folder.Folder, "text"));
        string[] made = [Path.Combine(folder.Folder, "a"), Path.Combine(folder.Folder, "b")];
        Directory.CreateDirectory(newer);
        foreach (string file in new[] { "config.json", "preprocessor_config.json" })
        {
            File.Copy(Golden.Path("models", "qwen2_vl", file), Path.Combine(newer, file));
        }

        using (SafeTensorsFile file = SafeTensorsFile.Open(Golden.Path("models", "qwen2_vl", "model.safetensors")))
        {
            Assert.Contains("visual.merger.ln_q.weight", file.Tensors.Keys);
            TensorEntry[] entries = [.. file.Tensors.Keys.Select(name => TensorEntry.Copy(file, name) with
            {
                Name = name.StartsWith("visual.", StringComparison.Ordinal) ? "model." + name : name.Replace("model.", "model.language_model.", StringComparison.Ordinal),
            })];
            ShardedWeights.Write(newer, entries, new Dictionary<string, string> { ["format"] = "pt" });
        }

        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(device);
        ModelComposer.Run(new ComposeOptions { Vision = Golden.Path("models", "qwen2_vl"), Text = text }, made[0], new Parameters(device, arena));
        ModelComposer.Run(new ComposeOptions { Vision = newer, Text = text }, made[1], new Parameters(device, arena));
        Assert.All(Directory.EnumerateFiles(made[0]), path => Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(Path.Combine(made[1], Path.GetFileName(path)))));
    }

    private static float[] Observed(string directory, string name)
    {
        using var loaded = new Loaded(directory);
        float[] seen = [];
        loaded.Model.Model.Observer = (found, value) => seen = found == name ? value.ToHost<float>() : seen;
        loaded.Hidden(loaded.Model.Processor.Collate([loaded.Encode("landscape.png", "tiny.png")]));
        return seen;
    }

    private static void LetPicturesBeTokens(string directory)
    {
        string path = Path.Combine(directory, "model.safetensors"), before = directory + ".before";
        int token = ModelDirectory.Open(directory).Config.Int("image_token_index");
        File.Move(path, before);
        using (SafeTensorsFile file = SafeTensorsFile.Open(before))
        {
            const string Embeddings = "model.language_model.embed_tokens.weight";
            int C = (int)file.Info(Embeddings).Shape[1];
            float[] row = file.ReadF32(Embeddings)[(token * C)..((token + 1) * C)];
            TensorEntry[] entries = [.. file.Tensors.Keys.Select(name => name switch
            {
                Projector + "linear_2.weight" => TensorEntry.FromF32(name, file.Info(name).Shape, new float[C * C]),
                Projector + "linear_2.bias" => TensorEntry.FromF32(name, [C], row),
                _ => TensorEntry.Copy(file, name),
            })];
            ShardedWeights.Write(directory, entries, new Dictionary<string, string> { ["format"] = "pt" });
        }

        File.Delete(before);
    }

    /// <summary>A layer of the projector on rows, in double precision.</summary>
    private static float[] Linear(SafeTensorsFile file, string layer, float[] x)
    {
        float[] weight = file.ReadF32(Projector + layer + ".weight"), bias = file.ReadF32(Projector + layer + ".bias");
        int rows = bias.Length, columns = weight.Length / rows, N = x.Length / columns;
        float[] y = new float[N * rows];
        for (int n = 0; n < N; n++)
        {
            for (int r = 0; r < rows; r++)
            {
                double sum = bias[r];
                for (int c = 0; c < columns; c++)
                {
                    sum += (double)weight[(r * columns) + c] * x[(n * columns) + c];
                }

                y[(n * rows) + r] = (float)sum;
            }
        }

        return y;
    }

    /// <summary>The error function by its power series, which converges fast for the values of a projector.</summary>
    private static double Erf(double x)
    {
        double term = x, sum = x;
        for (int n = 1; n < 200; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private sealed class Loaded : IDisposable
    {
        private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });
        private readonly Arena _arena;

        public Loaded(string directory)
        {
            _arena = new Arena(_device);
            Model = ModelCatalog.Load(ModelDirectory.Open(directory), new Parameters(_device, _arena));
        }

        public LoadedModel Model { get; }

        public EncodedSample Encode(params string[] pictures)
        {
            ChatMessage[] messages =
            [
                new("user", [.. pictures.Select(_ => (ContentPart)new ImagePart()), new TextPart("What are these?")]),
                new("assistant", [new TextPart("A bird on a fence.")]),
            ];
            return Model.Processor.Encode(new Conversation(messages, [.. pictures.Select(p => ImageDecoder.Decode(Golden.Path("cases", "images", p)))]), new EncodeOptions());
        }

        public float[] Hidden(ModelInput input)
        {
            using var scope = new StepScope(_device, _arena, record: false);
            return Model.Model.Hidden(scope, input).ToHost<float>();
        }

        public void Dispose()
        {
            Model.Dispose();
            _arena.Dispose();
            _device.Dispose();
        }
    }
}
