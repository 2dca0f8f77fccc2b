using System.Text.Json.Nodes;
using Lorikeet.Adapters;
using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests.Families;

/// <summary>Features of several layers of the tower side by side (<c>vision_feature_layer</c> as a list).</summary>
public sealed class FeatureLayerTests : IDisposable
{
    private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });
    private readonly Arena _arena;
    private readonly Parameters _parameters;
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-layers-").FullName;

    public FeatureLayerTests()
    {
        _arena = new Arena(_device);
        _parameters = new Parameters(_device, _arena);
    }

    public static TheoryData<string, int[], int[]> Cases => new()
    {
        // Family, the list of the file, the same counted from the front.
        { "llava", [-2, -1], [2, 3] },
        { "llava", [-1, 0, -3], [3, 0, 1] },
        { "llava", [2, 2], [2, 2] },
        { "llava", [-2], [2] },
        { "llava_siglip_qwen2", [-3, -2], [1, 2] },
        { "llava_next", [-2, 1], [2, 1] },
        { "pixtral", [-1, 1], [2, 1] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rows_are_the_hidden_states_of_the_layers_side_by_side(string family, int[] list, int[] layers)
    {
        Check(Widen(family, list), layers);
    }

    [Theory]
    [InlineData("llava", "default", 36)]
    [InlineData("llava", "full", 37)]
    [InlineData("llava_siglip_qwen2", "default", 35)]
    [InlineData("llava_siglip_qwen2", "full", 36)]
    public void The_strategy_drops_the_first_row_whatever_the_tower(string family, string strategy, int rows)
    {
        string folder = Widen(family, [-2]), file = Path.Combine(folder, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        config["vision_feature_select_strategy"] = strategy;
        File.WriteAllText(file, config.ToJsonString());
        ModelInput input = Check(folder, [2]);
        Assert.Equal(2 * rows, input.Vision!.FeatureRows.Single());
        Assert.Equal(2 * rows, input.Tokens.Ids.Count(id => id == config["image_token_index"]!.GetValue<int>()));
    }

    private ModelInput Check(string folder, int[] layers)
    {
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(folder), _parameters);
        ModelInput input = Input(loaded);
        float[] found = [];
        loaded.Model.Observer = (name, x) => found = name == "image_features.projector" ? x.ToHost<float>() : found;
        using (var scope = new StepScope(_device, _arena, record: false))
        {
            loaded.Model.Hidden(scope, input);
        }

        double[] expected = Projected(folder, input, layers);
        Assert.Equal(expected.Length, found.Length);
        Assert.True(expected.Zip(found, (a, b) => Math.Abs(a - b)).Max() < 2e-5 * expected.Max(Math.Abs));
        return input;
    }

    [Theory]
    [InlineData("llava")]
    [InlineData("pixtral")]
    public void Gradients_are_those_of_finite_differences_and_recomputing_changes_no_bit(string family)
    {
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(Widen(family, [-1, 1])), _parameters);
        ModelInput input = Input(loaded);
        var config = new LoraConfig { R = 2, LoraAlpha = 4, TargetModules = ModuleMatch.OfPattern(@".*vision_tower.*") };
        AdapterSet adapter = AdapterSet.Attach(loaded.Model.Parts, loaded.Model.LmHead, config, _parameters, seed: 3);
        float[][] values = [.. adapter.Trained.Select(t => Normal((int)t.Value.Count, 0.1f, t.Key))], directions = [.. adapter.Trained.Select(t => Normal((int)t.Value.Count, 1f, t.Key + "+"))];
        double At(double step)
        {
            for (int i = 0; i < values.Length; i++)
            {
                adapter.Trained[i].Value.CopyFrom<float>([.. values[i].Zip(directions[i], (v, d) => (float)(v + (step * d)))]);
            }

            return Loss(loaded, input, false);
        }

        const double Step = 2e-3;
        double expected = ((8 * (At(Step) - At(-Step))) - (At(2 * Step) - At(-2 * Step))) / (12 * Step);
        At(0);
        float[][] gradients = Gradients(loaded, input, adapter);
        double actual = gradients.Zip(directions, (g, d) => g.Zip(d, (a, b) => (double)a * b).Sum()).Sum();
        Assert.True(Math.Abs(actual - expected) < 5e-3 * Math.Abs(expected), $"{actual}, expected {expected}");
        Assert.All(gradients, g => Assert.Contains(g, v => v != 0));
        loaded.Model.GradientCheckpointing = true;
        Assert.Equal(gradients, Gradients(loaded, input, adapter));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("[-2,4]")]
    [InlineData("[-5]")]
    [InlineData("\"last\"")]
    public void A_list_that_names_no_layers_is_refused(string list)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(Golden.Path("models", "llava", "config.json")))!.AsObject();
        config["vision_feature_layer"] = JsonNode.Parse(list);
        File.WriteAllText(Path.Combine(_folder, "config.json"), config.ToJsonString());
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => LlavaConfig.From(ModelDirectory.Open(_folder).Config));
        Assert.Contains("vision_feature_layer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_projector_of_another_width_is_refused()
    {
        string folder = Widen("llava", [-2, -1]);
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();
        config["vision_feature_layer"] = -2;
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => ModelCatalog.Load(ModelDirectory.Open(folder), _parameters));
        Assert.Contains("linear_1.weight", error.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _arena.Dispose();
        _device.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static float[] Normal(int count, float deviation, string name)
    {
        float[] x = new float[count];
        Rng.FillNormal(x, deviation, Rng.Key(9, Rng.Key(name)));
        return x;
    }

    /// <summary>A directory with a tiny model whose projector reads some layers.</summary>
    private string Widen(string family, int[] list)
    {
        string source = Golden.Path("models", family);
        foreach (string file in Directory.EnumerateFiles(source).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)), overwrite: true);
        }

        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        config["vision_feature_layer"] = new JsonArray([.. list.Select(l => (JsonNode)l)]);
        File.WriteAllText(Path.Combine(_folder, "config.json"), config.ToJsonString());
        using WeightSet files = WeightSet.Open(source);
        TensorEntry[] entries = [.. files.Tensors.Values.Select(info => !info.Name.EndsWith("linear_1.weight", StringComparison.Ordinal)
            ? TensorEntry.Copy(files.FileOf(info.Name), info.Name)
            : TensorEntry.FromF32(info.Name, [info.Shape[0], info.Shape[1] * list.Length], Normal((int)(info.Shape[0] * info.Shape[1] * list.Length), 0.2f, "wide")))];
        SafeTensorsWriter.Write(Path.Combine(_folder, "model.safetensors"), entries);
        return _folder;
    }

    private static ModelInput Input(LoadedModel loaded)
    {
        Image[] images = [ImageDecoder.Decode(Golden.Path("cases", "images", "landscape.png")), ImageDecoder.Decode(Golden.Path("cases", "images", "tiny.png"))];
        var chat = new Conversation([new ChatMessage("user", [new ImagePart(), new ImagePart(), new TextPart("What?")]), new ChatMessage("assistant", [new TextPart("That.")])], images);
        return loaded.Processor.Collate([loaded.Processor.Encode(chat, new EncodeOptions())]);
    }

    /// <summary>The projector, in double, on the states of single layers of the tower by itself.</summary>
    private double[] Projected(string folder, ModelInput input, int[] layers)
    {
        using WeightSet files = WeightSet.Open(folder);
        NameRule[] rules = [new("vision_tower.vision_model.", "model.vision_tower."), new("vision_tower.", "model.vision_tower."), new("model.vision_tower.vision_model.", "model.vision_tower.")];
        WeightScope w = new WeightScope(new FileWeights(files, _parameters, rules))["model.vision_tower"];
        ConfigSection config = ModelDirectory.Open(folder).Config, vision = config.Section("vision_config");
        using var scope = new StepScope(_device, _arena, record: false);
        float[][] states;
        int rows, dropped = 0;
        if (input.Vision is GridVision grid)
        {
            var tower = new PixtralTower(w, PixtralVisionConfig.From(vision));
            rows = grid.Grids.Sum(g => g.Count);
            states = [.. layers.Select(l => tower.Forward(scope, scope.From(grid.Patches, new Shape(rows, grid.Patches.Length / rows)), grid.Grids, [l], false).ToHost<float>())];
        }
        else
        {
            var tower = new VisionTower(w, VisionTowerConfig.From(vision));
            TowerPictures pictures = input.Vision is LlavaVision plain ? plain.Pictures : ((LlavaNextVision)input.Vision!).Tiles;
            rows = pictures.Count * tower.Config.Rows;
            dropped = config.TryString("vision_feature_select_strategy") == "full" ? 0 : tower.Config.Rows;
            int P = pictures.Count * tower.Config.Patches;
            states = [.. layers.Select(l => tower.Forward(scope, scope.From(pictures.Patches, new Shape(P, pictures.Patches.Length / P)), [l], false).ToHost<float>())];
        }

        float[] Tensor(string end) => files.ReadF32(files.Tensors.Keys.Single(k => k.EndsWith(end, StringComparison.Ordinal)));
        float[] w1 = Tensor("linear_1.weight"), w2 = Tensor("linear_2.weight"), b1 = Tensor("linear_1.bias"), b2 = Tensor("linear_2.bias");
        int W = states[0].Length / rows;
        var y = new List<double>();
        for (int r = 0; r < rows; r++)
        {
            if (dropped == 0 || r % dropped != 0)
            {
                double[] x = [.. states.SelectMany(s => s[(r * W)..((r + 1) * W)]).Select(v => (double)v)];
                y.AddRange(Product(w2, b2, [.. Product(w1, b1, x).Select(v => 0.5 * v * (1 + Erf(v / Math.Sqrt(2))))]));
            }
        }

        return [.. y];
    }

    private static double[] Product(float[] w, float[] b, double[] x) => [.. b.Select((bias, o) => bias + x.Select((v, i) => v * w[(o * x.Length) + i]).Sum())];

    /// <summary>The error function by its series.</summary>
    private static double Erf(double x)
    {
        if (Math.Abs(x) > 5)
        {
            return Math.Sign(x);
        }

        double term = x, sum = x;
        for (int n = 1; n < 200; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return sum * 2 / Math.Sqrt(Math.PI);
    }

    private double Loss(LoadedModel loaded, ModelInput input, bool record)
    {
        using var scope = new StepScope(_device, _arena, record);
        (Tensor y, Tensor w) = Weighted(scope, loaded, input);
        return y.ToHost<float>().Zip(w.ToHost<float>(), (a, b) => (double)a * b).Sum();
    }

    private static (Tensor Y, Tensor W) Weighted(StepScope scope, LoadedModel loaded, ModelInput input)
    {
        Tensor y = loaded.Model.Hidden(scope, input);
        return (y, scope.From(Normal((int)y.Shape.Count, 0.1f, "weights"), y.Shape));
    }

    private float[][] Gradients(LoadedModel loaded, ModelInput input, AdapterSet adapter)
    {
        using (var scope = new StepScope(_device, _arena, record: true))
        {
            (Tensor y, Tensor w) = Weighted(scope, loaded, input);
            Tensor sum = scope.New(new Shape(1));
            scope.Kernels.Sum(y, w, sum, accumulate: false);
            scope.Record(sum, _ => scope.ShareGrad(y, w), w);
            scope.Backward((sum, 1f));
        }

        float[][] gradients = [.. adapter.Trained.Select(t => t.Value.Grad?.ToHost<float>() ?? new float[t.Value.Count])];
        foreach ((_, Tensor value) in adapter.Trained)
        {
            Parameters.ClearGradient(value);
        }

        return gradients;
    }
}
