using Lorikeet.Adapters;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Nn;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Training.Config;
using Lorikeet.Training.Objectives;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training.Tests.Families;

/// <summary>
/// What every model family must hold, run for each tiny model among the goldens; one whose directory has no weights there gets random ones.
/// </summary>
public sealed class FamilyContractTests
{
    private static readonly string[][] AllSamples = [["landscape.png"], [], ["tiny.png", "portrait.png"], ["square.png"]];

    /// <summary>Families whose samples have one picture at most.</summary>
    private static readonly string[] OnePicture = ["molmo"];

    public static TheoryData<string> Families() => [.. FamilyDirectory.Names];

    /// <summary>Families that take videos; theirs stand alone, and between two pictures.</summary>
    private static readonly string[] VideoFamilies = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"];

    private static string[][] SamplesOf(string family) =>
        OnePicture.Contains(family) ? [.. AllSamples.Select(s => s.Take(1).ToArray())]
        : VideoFamilies.Contains(family) ? [AllSamples[0], AllSamples[1], ["tiny.png", SampleMedia.Video, "portrait.png"], [SampleMedia.Video]]
        : AllSamples;

    [Theory]
    [MemberData(nameof(Families))]
    public void Samples_in_one_batch_give_the_loss_and_the_gradients_of_the_samples_alone(string family)
    {
        using var model = new ContractModel(family);
        EncodedSample[] samples = model.Encode(SamplesOf(family));
        ulong[] keys = [11, 22, 33, 44];
        AdapterSet adapter = model.Attach(dropout: 0.1);
        (double Loss, float[][] Gradients) together = model.Run(adapter, model.Loaded.Processor.Collate(samples, keys));
        double loss = 0;
        float[][] sums = [.. together.Gradients.Select(g => new float[g.Length])];
        for (int i = 0; i < samples.Length; i++)
        {
            (double alone, float[][] gradients) = model.Run(adapter, model.Loaded.Processor.Collate([samples[i]], [keys[i]]));
            loss += alone;
            for (int t = 0; t < sums.Length; t++)
            {
                System.Numerics.Tensors.TensorPrimitives.Add(sums[t], gradients[t], sums[t]);
            }
        }

        Assert.Equal(loss, together.Loss, 1e-5 * loss);
        float largest = sums.Max(g => g.Max(Math.Abs));
        for (int t = 0; t < sums.Length; t++)
        {
            float worst = sums[t].Zip(together.Gradients[t], (a, b) => Math.Abs(a - b)).Max();
            Assert.True(worst <= 1e-5 * largest, $"{adapter.Trained[t].Key} differs by {worst}, the largest gradient is {largest}");
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Recomputing_blocks_changes_no_bit(string family)
    {
        using var model = new ContractModel(family);
        ModelInput batch = model.Loaded.Processor.Collate(model.Encode(SamplesOf(family)), [1, 2, 3, 4]);
        AdapterSet adapter = model.Attach(dropout: 0.1);
        (double Loss, float[][] Gradients) kept = model.Run(adapter, batch);
        model.Loaded.Model.GradientCheckpointing = true;
        (double Loss, float[][] Gradients) recomputed = model.Run(adapter, batch);
        Assert.Equal(kept.Loss, recomputed.Loss);
        Assert.Equal(kept.Gradients, recomputed.Gradients);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Biases_of_the_vision_tower_get_their_gradients_where_nothing_else_of_it_trains(string family)
    {
        using var model = new ContractModel(family);
        ModelInput batch = model.Loaded.Processor.Collate(model.Encode(SamplesOf(family)), [1, 2, 3, 4]);
        string language = System.Text.RegularExpressions.Regex.Escape(model.Loaded.Model.Towers[Tower.Language]);
        var config = new LoraConfig { R = 4, LoraAlpha = 8, Bias = LoraBias.All, TargetModules = ModuleMatch.OfPattern(language + @"\..*") };
        AdapterSet adapter = AdapterSet.Attach(model.Loaded.Model.Parts, model.Loaded.Model.LmHead, config, model.Parameters, seed: 3);
        (double Loss, float[][] Gradients) kept = model.Run(adapter, batch);
        string vision = model.Loaded.Model.Towers[Tower.Vision] + ".";
        int[] biases = [.. Enumerable.Range(0, adapter.Trained.Count).Where(t => adapter.Trained[t].Key.Contains(vision, StringComparison.Ordinal))];
        Assert.True(biases.Length == 0 || biases.Any(t => kept.Gradients[t].Any(g => g != 0)), family);
        model.Loaded.Model.GradientCheckpointing = true;
        Assert.Equal(kept.Gradients, model.Run(adapter, batch).Gradients);
    }

    // A tower of which nothing trains leaves no record, and is computed some pictures at a time: it must know all of its tensors.
    [Theory]
    [MemberData(nameof(Families))]
    public void What_trains_alone_gets_the_gradients_that_it_gets_where_everything_trains(string family)
    {
        static string Kind(string name) => System.Text.RegularExpressions.Regex.Replace(name, @"\d+", "#");
        using var model = new ContractModel(family);
        Dictionary<string, float[]> all = model.Gradients(SamplesOf(family), _ => true, checkpoint: false);
        VisionLanguageModel it = model.Loaded.Model;
        HashSet<string> matrices = [.. it.Parts.Linears.Select(l => Kind(l.Path + ".weight"))];
        string[] kinds = [.. all.Keys.Where(name => it.TowerOf(name) is Tower.Vision or Tower.Connector && all[name].Any(g => g != 0)).Select(Kind).Distinct().Where(k => !matrices.Contains(k))];
        Assert.NotEmpty(kinds);
        for (int k = 0; k < kinds.Length; k++)
        {
            using var other = new ContractModel(family);
            foreach ((string name, float[] gradient) in other.Gradients(SamplesOf(family), name => Kind(name) == kinds[k], checkpoint: k % 2 == 1))
            {
                float worst = gradient.Zip(all[name], (a, b) => Math.Abs(a - b)).Max(), largest = all[name].Max(Math.Abs);
                Assert.True(worst <= 1e-5f * largest, $"{family}, only {kinds[k]} trained: {name} differs by {worst}, the largest gradient is {largest}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Every_parameter_but_the_heads_belongs_to_a_tower(string family)
    {
        using var model = new ContractModel(family);
        VisionLanguageModel it = model.Loaded.Model;
        string[] outside = [.. it.Parts.Params.Select(p => p.Name).Where(name => it.TowerOf(name) == Tower.Head)];
        Assert.All(outside, name => Assert.StartsWith(it.LmHead.Path + ".", name, StringComparison.Ordinal));

        // Each part can be trained by its name, and the parts together are everything.
        int chosen = new[] { "vision", "connector", "language" }.Sum(part =>
        {
            Func<string, bool> rule = TrainTargets.Freeze(new FreezeSection { Train = [part] }, it);
            int count = it.Parts.Params.Count(p => rule(p.Name));
            Assert.True(count > 0, part);
            return count;
        });
        Assert.Equal(it.Parts.Params.Count, chosen + outside.Length);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Blocks_of_a_tower_can_be_trained_by_their_number(string family)
    {
        using var model = new ContractModel(family);
        VisionLanguageModel it = model.Loaded.Model;
        foreach ((string entry, Tower tower) in new[] { ("language.layers.0", Tower.Language), ("vision.layers.1", Tower.Vision), ("language.layers.0-1", Tower.Language) })
        {
            Func<string, bool> rule = TrainTargets.Freeze(new FreezeSection { Train = [entry] }, it);
            string[] names = [.. it.Parts.Params.Select(p => p.Name).Where(rule)];
            Assert.True(names.Length > 0, $"{entry} means nothing");
            Assert.All(names, name => Assert.Equal(tower, it.TowerOf(name)));
            Assert.True(names.Length < it.Parts.Params.Count(p => it.TowerOf(p.Name) == tower), entry);
        }
    }

    [Fact]
    public void The_connector_has_parameters_outside_of_its_modules_and_one_can_be_trained_by_its_name()
    {
        using var model = new ContractModel("llava_next");
        VisionLanguageModel it = model.Loaded.Model;
        string[] Chosen(string entry)
        {
            Func<string, bool> rule = TrainTargets.Freeze(new FreezeSection { Train = [entry] }, it);
            return [.. it.Parts.Params.Select(p => p.Name).Where(rule)];
        }

        Assert.Equal(["model.image_newline"], Chosen("image_newline"));
        Assert.Equal(5, Chosen("connector").Length);
        Assert.Contains("model.image_newline", Chosen("connector"));
    }

    [Theory]
    [InlineData("language.layers.7")]
    [InlineData("vision.layers.0-99")]
    [InlineData("language.layers.1-0")]
    public void A_range_of_blocks_that_the_tower_lacks_is_refused(string entry)
    {
        using var model = new ContractModel("molmo");
        Assert.Contains($"'{entry}'", Assert.Throws<InvalidDataException>(() => TrainTargets.Freeze(new FreezeSection { Train = [entry] }, model.Loaded.Model)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_cache_gives_the_hidden_states_of_a_pass_without_one(string family)
    {
        using var model = new ContractModel(family);
        ModelInput whole = model.Loaded.Processor.Collate([model.Encode(SamplesOf(family)[2])]);
        float[] expected = model.Hidden(whole, null);
        int N = whole.Tokens.Count, C = expected.Length / N, firstPart = N - 3;
        using KvCache cache = model.Loaded.Model.NewCache(model.Parameters, 1, N);
        float[] found = model.Hidden(new ModelInput(Part(whole.Tokens, 0, firstPart), whole.Vision), cache);
        for (int i = firstPart; i < N; i++)
        {
            found = [.. found, .. model.Hidden(new ModelInput(Part(whole.Tokens, i, 1), null), cache)];
        }

        float scale = expected.Max(Math.Abs);
        Assert.Equal(expected.Length, found.Length);
        float worst = expected.Zip(found, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= 2e-5 * scale, $"{family}: hidden states [{N}, {C}] differ by {worst} of {scale}");
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Saving_and_loading_again_keeps_every_bit(string family)
    {
        using var model = new ContractModel(family);
        string folder = Directory.CreateTempSubdirectory("lorikeet-family-").FullName;
        try
        {
            ModelWriter.Write(folder, model.Loaded);
            using LoadedModel again = ModelCatalog.Load(ModelDirectory.Open(folder), model.Parameters);
            Assert.Equal(
                model.Loaded.Model.Parts.Params.Select(p => (p.Name, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Bytes(p.Value))))),
                again.Model.Parts.Params.Select(p => (p.Name, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Bytes(p.Value))))));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Configurations_of_both_generations_make_the_same_model(string family)
    {
        string source = Golden.Path("models", family);
        if (!File.Exists(Path.Combine(source, "config_v5.json")))
        {
            Assert.Skip($"{family} has one configuration only");
        }

        string folder = Directory.CreateTempSubdirectory("lorikeet-family-").FullName;
        try
        {
            foreach (string file in Directory.EnumerateFiles(source))
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            }

            File.Copy(Path.Combine(source, "config_v5.json"), Path.Combine(folder, "config.json"), overwrite: true);
            using var older = new ContractModel(family);
            using var newer = new ContractModel(folder, isPath: true);
            Assert.Equal(
                older.Hidden(older.Loaded.Processor.Collate(older.Encode(SamplesOf(family))), null),
                newer.Hidden(newer.Loaded.Processor.Collate(newer.Encode(SamplesOf(family))), null));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void One_batch_can_be_learnt(string family)
    {
        using var model = new ContractModel(family);
        ModelInput batch = model.Loaded.Processor.Collate(model.Encode(SamplesOf(family)));
        AdapterSet adapter = model.Attach(dropout: 0);
        double first = model.Run(adapter, batch).Loss;
        using var optimizer = new AdamW(model.Parameters, Trainable.Of(adapter).Tensors, new AdamWOptions());
        for (int step = 0; step < 30; step++)
        {
            model.Run(adapter, batch, keepGradients: true);
            optimizer.Step(0.01);
        }

        double last = model.Run(adapter, batch).Loss;
        Assert.True(last < first / 3, $"{family}: from {first} to {last}");
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Measuring_gives_what_encoding_gives_but_for_the_pixels(string family)
    {
        using var model = new ContractModel(family);
        Processor processor = model.Loaded.Processor;
        foreach (string[] pictures in SamplesOf(family))
        {
            Conversation conversation = SampleMedia.Conversation(pictures);
            var sizes = new MediaSizes([.. conversation.Images.Select(i => new PixelSize(i.Width, i.Height))], [.. conversation.Videos.Select(v => v.Info)]);
            EncodedSample encoded = model.Encode(pictures), measured = processor.Measure(conversation.Messages, sizes, new EncodeOptions());
            Assert.Equal(encoded.Ids, measured.Ids);
            Assert.Equal(encoded.Labels, measured.Labels);
            Assert.Equal(encoded.Layout?.Pictures ?? [], measured.Layout?.Pictures ?? []);
            ModelInput blank = processor.Collate([processor.WithBlankPixels(measured, sizes, new EncodeOptions())]), real = processor.Collate([encoded]);
            Assert.Equal(real.Vision?.FeatureRows, blank.Vision?.FeatureRows);
            Assert.Equal(model.Loaded.Model.Flops(real).Sum(f => f.MultiplyAdds), model.Loaded.Model.Flops(blank).Sum(f => f.MultiplyAdds));
        }
    }

    private static byte[] Bytes(Tensor x)
    {
        byte[] bytes = new byte[x.Bytes];
        x.Device.Download(x.Address, bytes);
        return bytes;
    }

    private static TokenBatch Part(TokenBatch tokens, int start, int count) =>
        new([.. tokens.Ids.Skip(start).Take(count)], [.. tokens.Labels.Skip(start).Take(count)], [count], []);

    private sealed class ContractModel : IDisposable
    {
        private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });
        private readonly Arena _arena;
        private readonly FamilyDirectory? _directory;

        public ContractModel(string family, bool isPath = false)
        {
            _arena = new Arena(_device);
            Parameters = new Parameters(_device, _arena);
            _directory = isPath ? null : new FamilyDirectory(family);
            Loaded = ModelCatalog.Load(ModelDirectory.Open(_directory?.Path ?? family), Parameters);
        }

        public Parameters Parameters { get; }

        public LoadedModel Loaded { get; }

        public EncodedSample Encode(string[] pictures) => Loaded.Processor.Encode(SampleMedia.Conversation(pictures), new EncodeOptions());

        public EncodedSample[] Encode(string[][] samples) => [.. samples.Select(Encode)];

        /// <summary>LoRA on every linear layer, neither of its matrices zero.</summary>
        public AdapterSet Attach(double dropout)
        {
            var config = new LoraConfig { R = 4, LoraAlpha = 8, LoraDropout = dropout, TargetModules = ModuleMatch.OfPattern(ModuleMatch.AllLinear) };
            AdapterSet adapter = AdapterSet.Attach(Loaded.Model.Parts, Loaded.Model.LmHead, config, Parameters, seed: 3);
            foreach ((string key, Tensor value) in adapter.Trained)
            {
                float[] values = new float[value.Count];
                Rng.FillNormal(values, 0.05f, Rng.Key(5, Rng.Key(key)));
                value.CopyFrom<float>(values);
            }

            return adapter;
        }

        /// <summary>Summed loss, and the gradients of all adapter tensors (zero where none flows).</summary>
        public (double Loss, float[][] Gradients) Run(AdapterSet adapter, ModelInput batch, bool keepGradients = false)
        {
            double loss;
            using (var scope = new StepScope(_device, _arena, record: true) { Training = true })
            {
                LossTerm term = new Sft().Compute(scope, Loaded.Model, batch)[0];
                loss = term.Sum.ToHost<float>()[0];
                scope.Backward((term.Sum, 1f));
            }

            if (keepGradients)
            {
                return (loss, []);
            }

            float[][] gradients = [.. adapter.Trained.Select(t => t.Value.Grad?.ToHost<float>() ?? new float[t.Value.Count])];
            foreach ((_, Tensor value) in adapter.Trained)
            {
                Parameters.ClearGradient(value);
            }

            return (loss, gradients);
        }

        /// <summary>Gradients by name where the model's own tensors train, in a batch of more pictures than a frozen tower takes at a time.</summary>
        public Dictionary<string, float[]> Gradients(string[][] samples, Func<string, bool> chosen, bool checkpoint)
        {
            Trainable trained = Trainable.Of(Loaded.Model, Parameters, chosen);
            Loaded.Model.GradientCheckpointing = checkpoint;
            using var scope = new StepScope(_device, _arena, record: true) { Training = true };
            LossTerm term = new Sft().Compute(scope, Loaded.Model, Loaded.Processor.Collate(Encode([.. samples, .. samples])))[0];
            scope.Backward((term.Sum, 1f));
            return trained.Tensors.ToDictionary(t => t.Name, t => t.Value.Grad?.ToHost<float>() ?? new float[t.Value.Count]);
        }

        public float[] Hidden(ModelInput input, KvCache? cache)
        {
            using var scope = new StepScope(_device, _arena, record: false);
            return Loaded.Model.Hidden(scope, input, cache).ToHost<float>();
        }

        public void Dispose()
        {
            Loaded.Dispose();
            _arena.Dispose();
            _device.Dispose();
            _directory?.Dispose();
        }
    }
}
