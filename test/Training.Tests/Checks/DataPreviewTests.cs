using System.Text.Json;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;
using Lorikeet.Training.Checks;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Checks;

public sealed class DataPreviewTests : IDisposable
{
    private readonly BadRows _rows = new();

    [Fact]
    public void The_marked_tokens_are_the_answer_and_the_end_of_its_turn()
    {
        _rows.Write("train.jsonl", BadRows.Row("square.png", "What is it?", "a red square"));
        using DataPreview preview = Open("");
        SampleView view = preview.View(0);
        Assert.Null(view.Problem);
        Assert.Equal("a red square<end_of_utterance>\n", Text(view.Tokens.Where(t => t.CarriesLoss)).TrimStart(' '));
        Assert.StartsWith("<|im_start|>User:", Text(view.Tokens), StringComparison.Ordinal);
        Assert.Contains("What is it?<end_of_utterance>\nAssistant:", Text(view.Tokens), StringComparison.Ordinal);
        PictureView picture = Assert.Single(view.Pictures);
        Assert.Equal(picture.Shape.Tokens, view.ImageTokens);
        Assert.Equal(view.ImageTokens, view.Tokens.Where(t => t.Piece == "<image>").Sum(t => t.Count));
        Assert.Equal((picture.Shape.Width, picture.Shape.Height), (picture.Seen.Width, picture.Seen.Height));
    }

    [Theory]
    [InlineData("one_image")]
    [InlineData("text_only")]
    [InlineData("text_multiturn")]
    [InlineData("multi_image")]
    [InlineData("odd_modes")]
    [InlineData("batch_two")]
    public void The_mask_shown_is_that_of_the_reference(string name)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(Golden.Path("cases", "smolvlm", name + ".json")));
        _rows.Write("train.jsonl", [.. golden.RootElement.GetProperty("messages").EnumerateArray().Select(m => "{\"messages\": " + JsonSerializer.Serialize(m) + "}")]);
        using SafeTensorsFile tensors = SafeTensorsFile.Open(Golden.Path("cases", "smolvlm", name + ".safetensors"));
        long[] ids = tensors.ReadI64("input_ids"), labels = tensors.ReadI64("labels_all_turns");
        float[] mask = [.. tensors.ReadI64("attention_mask").Select(m => (float)m)];
        using DataPreview preview = Open($"image_root: '{Golden.Path("cases", "images")}'");
        int width = ids.Length / (int)preview.Count;
        for (int row = 0; row < preview.Count; row++)
        {
            int[] real = [.. Enumerable.Range(row * width, width).Where(i => mask[i] == 1)];
            List<TokenView> shown = [.. preview.View(row).Tokens.SelectMany(t => Enumerable.Repeat(t, t.Count))];
            Assert.Equal(real.Select(i => ids[i]), shown.Select(t => (long)t.Id));
            Assert.Equal(real.Select(i => labels[i]), shown.Select(t => t.CarriesLoss ? t.Id : -100L));
        }
    }

    [Fact]
    public void Without_the_assistant_mask_all_but_the_first_token_carry_loss()
    {
        _rows.Write("train.jsonl", BadRows.Row("square.png", "What is it?", "a red square"));
        using DataPreview preview = Open("assistant_only_loss: false");
        SampleView view = preview.View(0);
        Assert.Equal(view.TokenCount - 1, view.Supervised);
        Assert.False(view.Tokens[0].CarriesLoss);
    }

    [Fact]
    public void A_character_of_several_tokens_is_shown_once_and_whole()
    {
        _rows.Write("train.jsonl", BadRows.Chat([], ("user", "naïve 猫 🦜?"), ("assistant", "ça va 🦜")));
        using DataPreview preview = Open("");
        SampleView view = preview.View(0);
        Assert.Equal("<|im_start|>User: naïve 猫 🦜?<end_of_utterance>\nAssistant: ça va 🦜<end_of_utterance>\n", Text(view.Tokens));
        Assert.Contains(view.Tokens, t => t.Text.Length == 0);
    }

    [Fact]
    public void A_bad_row_is_shown_with_its_reason_and_a_row_made_smaller_with_what_was_done()
    {
        _rows.Write("train.jsonl", BadRows.Row("cut.jpg", "What?", "a photo"), BadRows.Row("landscape.png", "What?", "a sofa"), "{");
        using DataPreview preview = Open("max_length: 45, on_overflow: downscale");
        Assert.Contains("cut.jpg", preview.View(0).Problem, StringComparison.Ordinal);
        SampleView smaller = preview.View(1);
        Assert.Contains("on_overflow: downscale", Assert.Single(smaller.Notes), StringComparison.Ordinal);
        Assert.InRange(smaller.TokenCount, 1, 45);
        Assert.Contains("not valid JSON", preview.View(2).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Augmented_samples_are_shown_as_the_epoch_has_them()
    {
        _rows.Write("train.jsonl", BadRows.Row("landscape.png", "What is it?", "a sofa"));
        Imaging.Image Seen(string augment, int epoch, out IReadOnlyList<string> notes)
        {
            using DataPreview preview = Open(augment);
            SampleView view = preview.View(0, epoch);
            notes = view.Notes;
            return Assert.Single(view.Pictures).Seen;
        }

        Imaging.Image plain = Seen("", 0, out IReadOnlyList<string> none), flipped = Seen("augment: { horizontal_flip: { probability: 1.0 } }", 0, out IReadOnlyList<string> said);
        Assert.Empty(none);
        Assert.Equal("as epoch 1 has it: augmentation of 1 samples: horizontal_flip in 1", Assert.Single(said));

        // The reference's filter is symmetric but for rounding.
        int worst = 0;
        for (int i = 0; i < plain.Pixels.Length; i++)
        {
            int pixel = i / 3, x = pixel % plain.Width, mirrored = (((pixel - x) + (plain.Width - 1 - x)) * 3) + (i % 3);
            worst = Math.Max(worst, Math.Abs(plain.Pixels[mirrored] - flipped.Pixels[i]));
        }

        Assert.InRange(worst, 0, 2);
        Assert.NotEqual(Seen("augment: { random_resized_crop: { probability: 1.0 } }", 0, out _).Pixels, Seen("augment: { random_resized_crop: { probability: 1.0 } }", 1, out _).Pixels);
    }

    [Fact]
    public void Samples_are_drawn_by_seed_each_once()
    {
        _rows.Write("train.jsonl", [.. Enumerable.Range(0, 40).Select(i => BadRows.Row("square.png", $"{i}?", "x"))]);
        using DataPreview preview = Open("");
        Assert.Equal(preview.Choose(5, 1), preview.Choose(5, 1));
        Assert.NotEqual(preview.Choose(5, 1), preview.Choose(5, 2));
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (long)i), preview.Choose(100, 1));
    }

    public void Dispose() => _rows.Dispose();

    private static string Text(IEnumerable<TokenView> tokens) => string.Concat(tokens.SelectMany(t => Enumerable.Repeat(t.Text, t.Count)));

    private DataPreview Open(string data)
    {
        string file = _rows.At("run.yaml");
        File.WriteAllText(file, $$"""
            model: { path: '{{Golden.Path("models", "smolvlm")}}' }
            data: { train: train.jsonl{{(data.Length > 0 ? ", " + data : "")}} }
            train: { output_dir: out }
            """);
        return DataPreview.Open(RunConfigReader.Load(file, []).Config, BadRows.Processor, evaluation: false);
    }
}
