using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests.Families;

/// <summary>Prompts of the first Qwen-VL: turns, the paths inside image slots, what ends a reply; and its long sequences.</summary>
public sealed class QwenVlTests
{
    private static readonly ModelDirectory Tiny = ModelDirectory.Open(Golden.Path("models", "qwen_vl_v1"));

    [Fact]
    public void Turns_are_tokenized_as_the_reference_does()
    {
        Processor processor = ModelCatalog.LoadProcessor(Tiny);
        JsonElement[] turns = [.. JsonFile.Read(Golden.Path("cases", "qwen_vl_v1", "tokenizer_cases.json")).GetProperty("turns").EnumerateArray()];
        Assert.NotEmpty(turns);
        foreach (JsonElement turn in turns.Where(t => !t.GetProperty("content").GetString()!.Contains("<img>", StringComparison.Ordinal)))
        {
            ChatMessage[] messages = [new(turn.GetProperty("role").GetString()!, [new TextPart(turn.GetProperty("content").GetString()!)])];
            int[] expected = [.. turn.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            int[] ids = processor.Measure(messages, [], new EncodeOptions { Loss = LossOn.Nothing }).Ids;
            Assert.Equal(expected, ids[^expected.Length..]);
        }
    }

    [Fact]
    public void Slots_spell_the_path_of_their_picture_if_it_fits()
    {
        int[] ids = Slots("naïve.png");
        Assert.Equal([0x6e, 0x61, 0xc3, 0xaf, 0x76, 0x65, 0x2e, 0x70, 0x6e, 0x67], ids[..10]);
        Assert.All(ids[10..], id => Assert.Equal(546, id));
        Assert.DoesNotContain(546, Slots(new string('a', 254))[..254]);
        Assert.All(Slots(new string('a', 255)), id => Assert.Equal(546, id));
    }

    [Theory]
    [InlineData("what is <img>?", "without </img>")]
    [InlineData("what is <img>a<ref>b.png</img>?", "<ref>")]
    [InlineData("what is <img>a.png</img>?", "1 spans")]
    public void Image_tags_that_are_no_pictures_are_refused(string text, string reason)
    {
        Processor processor = ModelCatalog.LoadProcessor(Tiny);
        ChatMessage[] messages = [new("user", [new TextPart(text)])];
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => processor.Measure(messages, [], new EncodeOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reply_ends_with_its_turn() =>
        Assert.Equal([330, 332, 331], ModelCatalog.LoadProcessor(Tiny).EosTokenIds);

    // alpha of the reference: 2^ceil(log2(n / 64) + 1) - 1.
    [Theory]
    [InlineData(64, 1)]
    [InlineData(65, 3)]
    [InlineData(96, 3)]
    [InlineData(129, 7)]
    [InlineData(322, 15)]
    public void Longer_sequences_turn_slower(int length, double alpha)
    {
        QwenVlConfig config = QwenVlConfig.From(Tiny.Config) with { SequenceLength = 64 };
        Assert.Equal(10000 * Math.Pow(alpha, 32.0 / 30.0), config.RopeBaseFor(length), 1e-6);
        Assert.Equal(10000, (config with { UsesDynamicNtk = false }).RopeBaseFor(length));
    }

    // The published fine-tuning script: the marks of every turn, and the answers; a mark that somebody typed is no mark.
    [Fact]
    public void The_published_rule_supervises_the_marks_of_all_turns_and_the_answers()
    {
        Processor processor = ModelCatalog.LoadProcessor(Tiny);
        ChatMessage[] messages =
        [
            new("user", [new ImagePart("a.png"), new TextPart("Is <|im_end|>\n a mark?")]), new("assistant", [new TextPart("\nYes.")]),
            new("user", [new TextPart("And?")]), new("assistant", [new TextPart("No <|im_start|>more.")]),
        ];
        EncodedSample published = processor.Measure(messages, [new PixelSize(9, 7)], new EncodeOptions { Loss = LossOn.Published });
        Assert.Equal(
            "<|im_start|>...<|im_end|>\n<|im_start|>...<|im_end|>\n<|im_start|>...\nYes.<|im_end|>\n<|im_start|>...<|im_end|>\n<|im_start|>...No <|im_start|>more.<|im_end|>\n",
            Supervised(processor, published));

        // With a system turn of its own, and what the usual rule makes of the same conversation.
        ChatMessage[] system = [new("system", [new TextPart("Be brief.")]), .. messages[2..]];
        Assert.Equal(
            "<|im_start|>...<|im_end|>\n<|im_start|>...<|im_end|>\n<|im_start|>...No <|im_start|>more.<|im_end|>\n",
            Supervised(processor, processor.Measure(system, [], new EncodeOptions { Loss = LossOn.Published })));
        Assert.Equal("...No <|im_start|>more.<|im_end|>\n", Supervised(processor, processor.Measure(system, [], new EncodeOptions { Loss = LossOn.AssistantTurns })));
        Assert.Equal(0, processor.Measure(messages, [new PixelSize(9, 7)], new EncodeOptions { Loss = LossOn.Published, AddGenerationPrompt = true }).Supervised);
    }

    [Fact]
    public void Families_without_a_published_rule_say_so()
    {
        Processor other = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "smolvlm")));
        ChatMessage[] messages = [new("user", [new TextPart("What?")]), new("assistant", [new TextPart("That.")])];
        Assert.Contains("assistant_turns", Assert.Throws<InvalidDataException>(() => other.Measure(messages, [], new EncodeOptions { Loss = LossOn.Published })).Message, StringComparison.Ordinal);
    }

    /// <summary>The supervised tokens as text, with "..." for what stands between them.</summary>
    private static string Supervised(Processor processor, EncodedSample sample)
    {
        var text = new System.Text.StringBuilder();
        bool isCut = false;
        foreach ((int id, int label) in sample.Ids.Zip(sample.Labels))
        {
            text.Append(label == TokenBatch.Ignored ? (isCut ? "" : "...") : processor.Tokenizer.Decode([id]));
            isCut = label == TokenBatch.Ignored;
        }

        return text.ToString();
    }

    private static int[] Slots(string path)
    {
        Processor processor = ModelCatalog.LoadProcessor(Tiny);
        ChatMessage[] messages = [new("user", [new ImagePart(path), new TextPart("What?")]), new("assistant", [new TextPart("A bird.")])];
        int[] ids = processor.Measure(messages, [new PixelSize(9, 7)], new EncodeOptions()).Ids;
        int start = Array.IndexOf(ids, 544) + 1;
        Assert.Equal(545, ids[start + 256]);
        return ids[start..(start + 256)];
    }
}
