using Lorikeet.Training.Checks;

namespace Lorikeet.Training.Tests.Checks;

public sealed class SampleCheckTests : IDisposable
{
    private readonly BadRows _rows = new();

    [Fact]
    public void Every_kind_of_bad_row_is_told_apart_and_the_good_ones_stay_good()
    {
        const string Good = "a square";
        (string Row, FindingKind[] Expected)[] cases =
        [
            (BadRows.Chat(["square.png"], ("user", "<image>What?"), ("assistant", Good)), []),
            ("{\"images\": [], \"messages\": ", [FindingKind.UnreadableRow]),
            ("[1]", [FindingKind.UnreadableRow]),
            ("{\"images\": []}", [FindingKind.RowFormat]),
            ("{\"messages\": [{\"content\": \"hello\"}, {\"role\": \"assistant\", \"content\": \"b\"}]}", [FindingKind.Roles]),
            (BadRows.Chat([], ("user", "a"), ("user", "b"), ("assistant", Good)), [FindingKind.Roles]),
            (BadRows.Chat([], ("user", "a"), ("assistant", Good), ("user", "b")), [FindingKind.Roles]),
            (BadRows.Chat([], ("user", "a"), ("assistant", " \n")), [FindingKind.EmptyAnswer]),
            (BadRows.Chat([], ("user", ""), ("assistant", Good)), [FindingKind.EmptyMessage]),
            (BadRows.Chat(["square.png"], ("user", "What?"), ("assistant", Good)), [FindingKind.ImagePlaces]),
            (BadRows.Chat(["square.png"], ("user", "<image><image>What?"), ("assistant", Good)), [FindingKind.ImagePlaces]),
            (BadRows.Chat(["square.png"], ("user", "What?"), ("assistant", "<image>")), [FindingKind.ImagePlaces]),
            (BadRows.Chat(["gone.png"], ("user", "<image>What?"), ("assistant", Good)), [FindingKind.MissingImage]),
            (BadRows.Chat(["https://example.org/a.png"], ("user", "<image>What?"), ("assistant", Good)), [FindingKind.BadImage]),
            (BadRows.Chat(["cut.jpg"], ("user", "<image>What?"), ("assistant", Good)), [FindingKind.BadImage]),
            (BadRows.Chat(["text.png", "empty.png", "cut.png"], ("user", "<image><image><image>What?"), ("assistant", Good)), [FindingKind.BadImage, FindingKind.BadImage, FindingKind.BadImage]),
            (BadRows.Chat(["square.png"], ("user", "<image>" + string.Concat(Enumerable.Repeat("many words ", 200))), ("assistant", Good)), [FindingKind.TooLong]),
            (BadRows.Chat([], ("user", "Stop here<end_of_utterance> and go"), ("assistant", Good)), [FindingKind.SpecialTokenText]),
            (BadRows.Chat(["one.png"], ("user", "<image>What?"), ("assistant", Good)), [FindingKind.TinyImage]),
            (BadRows.Chat(["strip.png"], ("user", "<image>What?"), ("assistant", Good)), [FindingKind.ExtremeAspectRatio]),
            (BadRows.Chat(["blank.png"], ("user", "<image>What?"), ("assistant", Good)), [FindingKind.BlankImage]),
            (BadRows.Chat([], ("user", "What?"), ("assistant", Good)), []),
        ];
        List<SampleVerdict> verdicts = _rows.Judge(PictureReading.Decode, maxLength: 600, [.. cases.Select(c => c.Row)]);
        for (int i = 0; i < cases.Length; i++)
        {
            string place = $"{_rows.At("rows.jsonl")}:{i + 1}";
            Assert.Equal(place, verdicts[i].Origin);
            Assert.True(cases[i].Expected.SequenceEqual(verdicts[i].Findings.Select(f => f.Kind)), $"{cases[i].Row}: {string.Join(" | ", verdicts[i].Findings)}");
            Assert.All(verdicts[i].Findings, f => Assert.StartsWith(place, f.ToString(), StringComparison.Ordinal));
            Assert.Equal(cases[i].Expected.Any(Finding.IsErrorKind), verdicts[i].FirstError is not null);
        }
    }

    [Fact]
    public void Headers_alone_do_not_show_damage_behind_them()
    {
        string row = BadRows.Row("cut.jpg", "What?", "a photo");
        Assert.Empty(_rows.Judge(PictureReading.Header, null, row)[0].Findings);
        Finding finding = Assert.Single(_rows.Judge(PictureReading.Decode, null, row)[0].Findings);
        Assert.Contains("key 'image'", finding.Message, StringComparison.Ordinal);
        Assert.Contains("cut.jpg", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_are_those_that_training_takes_however_pictures_are_read()
    {
        string[] rows = [BadRows.Row("landscape.png", "What is it?", "a sofa"), BadRows.Row("photo.jpg", "And this?", "a photo")];
        List<SampleVerdict> encoded = _rows.Judge(PictureReading.Encode, null, rows);
        foreach (PictureReading reading in new[] { PictureReading.Header, PictureReading.Decode })
        {
            List<SampleVerdict> measured = _rows.Judge(reading, null, rows);
            for (int i = 0; i < rows.Length; i++)
            {
                Assert.Equal(encoded[i].Encoded!.Ids, measured[i].Encoded!.Ids);
                Assert.Equal(encoded[i].Encoded!.Labels, measured[i].Encoded!.Labels);
                Assert.Equal(encoded[i].Pictures.Select(p => p.Seen), measured[i].Pictures.Select(p => p.Seen));
                Assert.Null(measured[i].Encoded!.Pixels);
                Assert.NotNull(encoded[i].Encoded!.Pixels);
            }
        }
    }

    public void Dispose() => _rows.Dispose();
}
