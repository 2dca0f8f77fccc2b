using Lorikeet.Imaging;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Parity;

/// <summary>A comparison is only worth something if it notices: whatever is altered, on either side, is a FAIL.</summary>
public sealed class ParityAlterationTests
{
    private const string Model = "models/idefics3", Pictures = "cases/images", Weights = "models/idefics3/model.safetensors";
    private static readonly string[] OneImage = [Model, Pictures, "cases/idefics3/one_image.json", "cases/idefics3/one_image.safetensors"];
    private static readonly string[] TextOnly = [Model, "cases/idefics3/text_only.json", "cases/idefics3/text_only.safetensors"];
    private static readonly string[] Sft = [Model, Pictures, "training/idefics3/sft_data.json", "training/idefics3/sft_data.safetensors"];
    private static readonly string[] Adapter = [.. OneImage, "peft/idefics3/lora_list"];

    [Fact]
    public void One_weight_of_the_model()
    {
        using var directory = new ParityDirectory(TextOnly);
        ParityDirectory.Run(directory.Root).MustPass(15);
        directory.Poke<float>(Weights, KeyOf("text_model.layers.0.self_attn.q_proj.weight"), v => v + 0.5f, index: 77);
        ParityDirectory.Run(directory.Root).MustFail("forward", "text_only", "logits");
    }

    [Fact]
    public void One_pixel_of_a_picture_of_a_case()
    {
        using var directory = new ParityDirectory(OneImage);
        foreach (string file in Directory.EnumerateFiles(directory.At(Pictures), "*.png"))
        {
            Repaint(file);
        }

        ParityOutcome outcome = ParityDirectory.Run(directory.Root, "--only", "processing");
        outcome.MustFail("pixel_values");
        Assert.True(outcome.Passed > 5);
    }

    [Fact]
    public void One_pixel_of_a_source_picture()
    {
        using var directory = new ParityDirectory("images");
        Repaint(directory.At("images/src/landscape.png"));
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail("resize.landscape.png.37x21.lanczos");
        Assert.True(outcome.Passed > 50);
    }

    [Fact]
    public void One_expected_pixel()
    {
        using var directory = new ParityDirectory("images");
        directory.Poke<byte>("images/expected.safetensors", "convert_rgb.rgba.png", v => (byte)(v ^ 1));
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail("convert_rgb.rgba.png");
        Assert.Equal(1, outcome.Failed);
    }

    [Fact]
    public void One_expected_logit_and_one_expected_id()
    {
        using var directory = new ParityDirectory(TextOnly);
        directory.Poke<float>("cases/idefics3/text_only.safetensors", "logits", v => v + 0.01f, index: 1000);
        directory.Poke<long>("cases/idefics3/text_only.safetensors", "input_ids", v => v + 1, index: 3);
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail("forward", "logits");
        outcome.MustFail("processing", "input_ids", "at 3: ");
        Assert.Equal(2, outcome.Failed);
    }

    [Fact]
    public void One_number_of_the_description_of_a_case()
    {
        using var directory = new ParityDirectory(TextOnly);
        directory.Replace("cases/idefics3/text_only.json", "\"prompt_token_counts\": [\n  33", "\"prompt_token_counts\": [\n  34");
        directory.Replace("cases/idefics3/text_only.json", "   199", "   198");
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail("processing", "prompt_token_counts");
        outcome.MustFail("forward", "generated_tokens");
        Assert.Equal(2, outcome.Failed);
    }

    [Fact]
    public void One_token_of_an_expected_id_list()
    {
        using var directory = new ParityDirectory("tokenizers/gpt2");
        string text = File.ReadAllText(directory.At("tokenizers/gpt2/cases.json"));
        int at = text.IndexOf("\"ids_no_special\"", text.Length / 2, StringComparison.Ordinal);
        int digit = text.IndexOfAny([.. "0123456789"], at);
        File.WriteAllText(directory.At("tokenizers/gpt2/cases.json"), text[..digit] + "9" + text[digit..]);
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail("ids_no_special", "at 0: ");
        Assert.Equal(1, outcome.Failed);
    }

    [Theory]
    [InlineData("chat_templates", "chat_templates/cases.json", "\"expected\": \"", "\"expected\": \"x", "expected")]
    [InlineData("chat_templates", "chat_templates/cases.json", "\"error_message\": \"", "\"error_message\": \"x", "error_message")]
    [InlineData("schedules", "schedules/curves.json", "0.0001", "0.00010001", "lr_used_at_step")]
    public void One_expected_value_of_a_list(string part, string file, string old, string replacement, string quantity)
    {
        using var directory = new ParityDirectory(part);
        directory.Replace(file, old, replacement);
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail(quantity);
        Assert.True(outcome.Passed > 20);
    }

    [Fact]
    public void One_logit_of_the_sampling_goldens()
    {
        using var directory = new ParityDirectory("sampling");
        directory.Poke<float>("sampling/processors.safetensors", "top_k_500", v => v + 0.001f, index: 50);
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail("top_k_500");
        Assert.Equal(1, outcome.Failed);
    }

    [Fact]
    public void Anything_of_an_adapter()
    {
        using var directory = new ParityDirectory(Adapter);
        directory.Poke<float>("peft/idefics3/lora_list/adapter_model.safetensors", "base_model.model.model.text_model.layers.0.self_attn.q_proj.lora_B.weight", v => v + 0.1f);
        ParityOutcome weight = ParityDirectory.Run(directory.Root, "--only", "peft");
        weight.MustFail("logits_active");
        weight.MustFail("merged.model.text_model.layers.0.self_attn.q_proj.weight");

        using var expected = new ParityDirectory(Adapter);
        expected.Replace("peft/idefics3/lora_list/expected.json", "layers.0.self_attn.q_proj\"", "layers.0.self_attn.k_proj\"");
        expected.Poke<float>("peft/idefics3/lora_list/expected.safetensors", "logits_merged", v => v + 0.01f);
        ParityOutcome value = ParityDirectory.Run(expected.Root, "--only", "peft");
        value.MustFail("targeted_modules", "layers.0.self_attn.q_proj' is not expected");
        value.MustFail("logits_merged");
        Assert.Equal(2, value.Failed);

        using var other = new ParityDirectory(Adapter);
        other.Replace("peft/idefics3/lora_list/adapter_config.json", "\"r\": 4", "\"r\": 5");
        ParityDirectory.Run(other.Root, "--only", "peft").MustFail("lora_list", "InvalidDataException");
    }

    [Fact]
    [Trait("tier", "slow")]
    public void Anything_of_a_training_run()
    {
        string[] parts = [.. Sft, "training/idefics3/sft_rslora.json", "training/idefics3/sft_rslora.safetensors"];
        using var expected = new ParityDirectory(parts);
        expected.Replace("training/idefics3/sft_rslora.json", "\"loss\": 6.", "\"loss\": 7.");
        expected.Poke<float>("training/idefics3/sft_rslora.safetensors", "final.base_model.model.model.text_model.layers.0.self_attn.q_proj.lora_A.weight", v => v + 0.001f);
        expected.Poke<long>("training/idefics3/sft_data.safetensors", "mb2.labels", v => v + 1, index: 90);
        ParityOutcome outcome = ParityDirectory.Run(expected.Root);
        outcome.MustFail("steps.", "loss");
        outcome.MustFail("final.base_model.model.model.text_model.layers.0.self_attn.q_proj.lora_A.weight");
        outcome.MustFail("mb2.labels");
        Assert.Equal(3, outcome.Failed);

        using var source = new ParityDirectory(parts);
        source.Replace("training/idefics3/sft_data.json", "A red square.", "A red circle.");
        ParityOutcome other = ParityDirectory.Run(source.Root);
        other.MustFail("sft_data", "text");
        other.MustFail("sft_rslora", "steps.0.loss");
    }

    [Theory]
    [InlineData("tokenizers/gpt2/cases.json", "gpt2")]
    [InlineData("tokenizers/gpt2/tokenizer.json", "gpt2")]
    [InlineData("images/expected.safetensors", "images")]
    [InlineData("images/src/landscape.png", "resize.landscape.png.37x21.lanczos")]
    [InlineData("chat_templates/cases.json", "templates")]
    [InlineData("sampling/processors.safetensors", "sampling")]
    [InlineData("schedules/curves.json", "schedules")]
    [InlineData("peft/idefics3/lora_list/expected.json", "lora_list")]
    [InlineData("peft/idefics3/lora_list/expected.safetensors", "lora_list")]
    [InlineData("peft/idefics3/lora_list/adapter_model.safetensors", "lora_list")]
    [InlineData("cases/idefics3/one_image.safetensors", "one_image")]
    [InlineData("models/idefics3/model.safetensors", "idefics3")]
    public void A_truncated_file(string file, string word)
    {
        string[] parts = file.Split('/') switch
        {
            ["tokenizers", string name, _] => ["tokenizers/" + name, "schedules"],
            ["peft" or "cases" or "models", ..] => [.. Adapter, "schedules"],
            [string area, ..] when area == "schedules" => [area, "sampling"],
            [string area, ..] => [area, "schedules"],
            _ => [],
        };
        using var directory = new ParityDirectory(parts);
        directory.Truncate(file);
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail(word);
        Assert.True(outcome.Passed >= 20, "the rest is still checked");
    }

    [Theory]
    [InlineData("tokenizers/gpt2/cases.json", "\"text\":\" \"", "\"text\":7", "tokenizers/gpt2")]
    [InlineData("chat_templates/cases.json", "\"messages\": [", "\"messages\": [7,", "chat_templates")]
    [InlineData("schedules/curves.json", "\"base_lr\": 0.001", "\"base_lr\": \"fast\"", "schedules")]
    [InlineData("images/expected.json", "\"width\": 37", "\"width\": 1e99", "images")]
    [InlineData("images/expected.json", "src/landscape.png", "src/nowhere.png", "images")]
    public void A_value_of_the_wrong_kind(string file, string old, string replacement, string part)
    {
        using var directory = new ParityDirectory(part);
        directory.Replace(file, old, replacement);
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        outcome.MustFail(part.Split('/')[0].Replace("chat_", "", StringComparison.Ordinal));
        Assert.True(outcome.Passed >= 20, "the rest is still checked");
    }

    /// <summary>Changes the pixel in the middle.</summary>
    private static void Repaint(string file)
    {
        Image image = ImageDecoder.Decode(file);
        byte[] pixels = [.. image.Pixels];
        int middle = (((image.Height / 2) * image.Width) + (image.Width / 2)) * image.BytesPerPixel;
        pixels[middle] ^= 0x40;
        File.WriteAllBytes(file, ImageEncoder.EncodePng(new Image(image.Width, image.Height, image.Mode, pixels)));
    }

    /// <summary>The file's key of a parameter, which may be spelled the older way.</summary>
    private static string KeyOf(string suffix)
    {
        using var file = Nn.Weights.SafeTensorsFile.Open(Golden.Path(Weights));
        return file.Tensors.Keys.Single(k => k.EndsWith(suffix, StringComparison.Ordinal));
    }
}
