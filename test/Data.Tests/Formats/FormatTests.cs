using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Tests.Formats;

public sealed class FormatTests : FormatTestBase
{
    [Theory]
    // messages
    [InlineData("""{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}""", "messages", "user: hi | assistant: ho")]
    [InlineData("""{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"image","image":"a.png"},{"type":"text","text":"q"}]},{"role":"assistant","content":[{"type":"text","text":"r"}]}]}""", "messages", "system: s | user: [a.png]'q' | assistant: 'r'")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"text","text":"q","image":null},{"type":"image","path":"b.png"},{"type":"image_url","image_url":{"url":"a.png"}}]},{"role":"assistant","content":"r"}]}""", "messages", "user: 'q'[b.png][a.png] | assistant: r")]
    [InlineData("""{"images":["a.png","b.png"],"messages":[{"role":"user","content":[{"type":"image"},{"type":"text","text":"q"},{"type":"image"}]},{"role":"assistant","content":"r"}]}""", "messages", "user: [a.png]'q'[b.png] | assistant: r")]
    [InlineData("""{"images":["a.png","b.png"],"messages":[{"role":"user","content":"<image>q<image>"},{"role":"assistant","content":"r"}]}""", "messages", "user: [a.png]'q'[b.png] | assistant: r")]
    [InlineData("""{"image":"a.png","messages":[{"role":"user","content":"<image>\nq"},{"role":"assistant","content":"r"},{"role":"user","content":"q2"},{"role":"assistant","content":"r2"}]}""", "messages", "user: [a.png]'q' | assistant: r | user: q2 | assistant: r2")]
    // sharegpt, llava
    [InlineData("""{"id":"1","image":"a.png","conversations":[{"from":"human","value":"<image>\nq"},{"from":"gpt","value":"r"}]}""", "sharegpt", "user: [a.png]'q' | assistant: r")]
    [InlineData("""{"image":"a.png","conversations":[{"from":"human","value":"q\n<image>"},{"from":"gpt","value":"r"}]}""", "sharegpt", "user: 'q'[a.png] | assistant: r")]
    [InlineData("""{"images":["a.png","b.png"],"conversations":[{"from":"system","value":"s"},{"from":"human","value":"x <image> y"},{"from":"gpt","value":"r"},{"from":"human","value":"<image>\n\nq"},{"from":"gpt","value":"r"}]}""", "sharegpt", "system: s | user: 'x '[a.png]' y' | assistant: r | user: [b.png]'\\nq' | assistant: r")]
    [InlineData("""{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"r"}],"system":"s","image":null}""", "sharegpt", "system: s | user: q | assistant: r")]
    [InlineData("""{"image":["a.png"],"conversations":[{"role":"user","content":"<image>q"},{"role":"assistant","content":"r"}]}""", "sharegpt", "user: [a.png]'q' | assistant: r")]
    // the_cauldron
    [InlineData("""{"images":["a.png","images/d.png"],"texts":[{"user":"q","assistant":"r","source":"x"},{"user":"q2","assistant":"r2"}]}""", "the_cauldron", "user: [a.png][images/d.png]'q' | assistant: r | user: q2 | assistant: r2")]
    [InlineData("""{"images":[{"path":"a.png","bytes":null}],"texts":[{"user":"q","assistant":"r"},{"user":"look <image>","assistant":"r2"}]}""", "the_cauldron", "user: q | assistant: r | user: 'look '[a.png] | assistant: r2")]
    // prompt_completion
    [InlineData("""{"images":["a.png"],"prompt":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"image"},{"type":"text","text":"q"}]}],"completion":[{"role":"assistant","content":"r"}]}""", "prompt_completion", "system: s | user: [a.png]'q' | assistant: r")]
    [InlineData("""{"image":"a.png","prompt":"q","completion":"r"}""", "prompt_completion", "user: [a.png]'q' | assistant: r")]
    // caption, image_text, task
    [InlineData("""{"image":"a.png","caption":"一隻可愛的橘貓"}""", "caption", "user: [a.png]'What?' | assistant: 一隻可愛的橘貓")]
    [InlineData("""{"file_name":"images/d.png","caption":"c","prompt":"Look"}""", "caption", "user: [images/d.png]'Look' | assistant: c")]
    [InlineData("""{"image":"a.png","text":"t"}""", "image_text", "user: [a.png]'What?' | assistant: t")]
    [InlineData("""{"image_path":"a.png","text":"t","task_type":"image_captioning"}""", "task", "user: [a.png]'What?' | assistant: t")]
    // qa, alpaca
    [InlineData("""{"image":"a.png","question":"q","answer":"r"}""", "qa", "user: [a.png]'q' | assistant: r")]
    [InlineData("""{"images":["a.png","b.png"],"query":"q <image> and <image>?","label":"r","system":"s"}""", "qa", "system: s | user: 'q '[a.png]' and '[b.png]'?' | assistant: r")]
    [InlineData("""{"question":"q","answer":"r"}""", "qa", "user: q | assistant: r")]
    [InlineData("""{"instruction":"i","input":"n","output":"o","images":["a.png"]}""", "alpaca", "user: [a.png]'i\\nn' | assistant: o")]
    [InlineData("""{"instruction":"i","input":"","output":"o"}""", "alpaca", "user: i | assistant: o")]
    public void Rows_of_every_format_become_conversations(string json, string format, string expected)
    {
        using (Dataset data = Dataset.Open(new DatasetOptions { Path = Folder.Save("x.jsonl", json) }))
        {
            Assert.Equal(format, data.FormatName);
        }

        Assert.Equal(expected, Show(ReadRow(json)));
        Assert.Equal(expected, Show(ReadRow(json, format)));
        Assert.Equal(expected, Show(ReadRow("[\n" + json + "\n]", name: "x.json")));
    }

    [Theory]
    [InlineData("""{"image":"a.png","question":"q","answers":["r","s"]}""", "r", "r|s")]
    [InlineData("""{"image":"a.png","question":"q","answers":[{"answer":"r","answer_id":1},{"answer":"r","answer_id":2}],"answer":"x"}""", "x", "r|r")]
    [InlineData("""{"image":"a.png","query":"q","label":["14"]}""", "14", "14")]
    [InlineData("""{"question":"q","answers":{"text":["r"],"answer_start":[3]}}""", "r", "r")]
    [InlineData("""{"image":"a.png","caption":"c","references":["c","d","e"]}""", "c", "c|d|e")]
    [InlineData("""{"image":"a.png","caption":"c","answers":[1]}""", "c", "")]
    [InlineData("""{"image":"a.png","question":"q","answer":"r"}""", "r", "")]
    public void Several_right_answers_are_kept_beside_the_reply(string json, string reply, string references)
    {
        Sample sample = ReadRow(json);
        Assert.Equal(reply, sample.Messages[^1].AllText);
        Assert.Equal(references, string.Join('|', sample.References));
    }

    [Fact]
    public void A_list_of_answers_has_at_least_one() =>
        Refused("""{"image":"a.png","question":"q","answers":[]}""", "key 'answers' is a list of 0; expected a list of at least one string, or of objects with 'answer'.");

    [Fact]
    public void Csv_columns_are_keys()
    {
        Assert.Equal("user: [a.png]'What?' | assistant: A cat, grey", Show(ReadRow("image,caption\na.png,\"A cat, grey\"", name: "x.csv")));
        Assert.Equal("user: [a.png]'q' | assistant: r", Show(ReadRow("image\tquestion\tanswer\na.png\tq\tr", name: "x.tsv")));
        Assert.Equal("user: [a.png][b.png]'What?' | assistant: t", Show(ReadRow("images,text\n\"[\"\"a.png\"\",\"\"b.png\"\"]\",t", name: "x.csv")));
    }

    [Fact]
    public void Pictures_may_come_with_the_row()
    {
        byte[] bytes = Bitmap();
        string base64 = Convert.ToBase64String(bytes);
        foreach (string image in new[] { $"\"data:image/bmp;base64,{base64}\"", $$"""{"bytes":"{{base64}}","path":"x.png"}""" })
        {
            Sample sample = ReadRow($$"""{"image":{{image}},"caption":"c"}""");
            Assert.Null(sample.Images[0].FilePath);
            Assert.Equal(bytes, sample.Images[0].ReadBytes());
            Assert.Equal(2, sample.Images[0].Decode().Width);
        }

        foreach (string part in new[] { $$"""{"type":"image","base64":"{{base64}}"}""", $$$"""{"type":"image_url","image_url":{"url":"data:image/bmp;base64,{{{base64}}}"}}""" })
        {
            Sample sample = ReadRow($$"""{"messages":[{"role":"user","content":[{{part}}]},{"role":"assistant","content":"r"}]}""");
            Assert.Equal(bytes, sample.Images[0].ReadBytes());
        }
    }

    [Fact]
    public void Absolute_paths_and_file_addresses_are_taken_as_written()
    {
        using var elsewhere = new TemporaryDirectory();
        string path = elsewhere.Save("e e.png", "x");
        Assert.Equal(path, ReadRow($$"""{"image":"{{path}}","caption":"c"}""").Images[0].FilePath);
        Assert.Equal(path, ReadRow($$"""{"image":"file://{{path}}","caption":"c"}""").Images[0].FilePath);
    }

    [Fact]
    public void Samples_know_their_place()
    {
        string path = Folder.Save("y.jsonl", "\n{\"image_path\":\"a.png\",\"text\":\"t\",\"task_type\":\"ocr\"}\n");
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        Sample sample = data.Read(0);
        Assert.Equal(path + ":2", sample.Origin);
        Assert.Equal(0, sample.RowId);
        Assert.Equal("ocr", sample.Task);
        Assert.Equal($"{path}:2: key 'image_path'", sample.Images[0].Name);
        Assert.Equal([$"{path}: key 'task_type' is noted with each sample and does not change the training."], data.Notes);
    }

    [Fact]
    public void Further_fields_of_messages_are_kept_for_the_template()
    {
        Sample sample = ReadRow("""{"messages":[{"role":"developer","content":"s"},{"role":"user","content":"q","name":"n"},{"role":"assistant","content":null,"tool_calls":[{"id":1}]},{"role":"tool","content":"t"},{"role":"assistant","content":"r"}]}""");
        Assert.Equal(["system", "user", "assistant", "tool", "assistant"], sample.Messages.Select(m => m.Role));
        Assert.Equal("n", sample.Messages[1].Extra["name"]);
        Sample parts = ReadRow("""{"messages":[{"role":"user","content":[{"type":"image","image":"a.png","min_pixels":784},{"type":"text","text":"q","cache":true}]},{"role":"assistant","content":"r"}]}""");
        Assert.Equal(784L, parts.Messages[0].Parts![0].Extra["min_pixels"]);
        Assert.Equal(true, parts.Messages[0].Parts![1].Extra["cache"]);
        Assert.Contains("tool_calls", sample.Messages[2].Extra.Keys);
        Assert.Null(sample.Messages[2].PlainText);
        Assert.Null(sample.Messages[2].Parts);
        Assert.Equal(new ChatMessage("tool", "t").PlainText, sample.Messages[3].PlainText);
    }

    /// <summary>A bitmap of 2 x 1 pixels.</summary>
    private static byte[] Bitmap() =>
    [
        (byte)'B', (byte)'M', 62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 8, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0,
    ];
}
