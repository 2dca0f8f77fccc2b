namespace Lorikeet.Data.Tests.Formats;

public sealed class PreferenceAndBase64Tests : FormatTestBase
{
    [Fact]
    public void Plain_base64_of_a_picture_is_told_from_a_path()
    {
        byte[] bytes = [(byte)'B', (byte)'M', .. Enumerable.Range(0, 70).Select(i => (byte)i)];
        string base64 = Convert.ToBase64String(bytes);
        Assert.Equal(bytes, ReadRow($$"""{"image":"{{base64}}","caption":"c"}""").Images[0].ReadBytes());
        Assert.Equal(bytes, ReadRow($$"""{"images":["{{base64[..20]}}\r\n{{base64[20..]}}"],"text":"c"}""").Images[0].ReadBytes());
        Assert.Equal("user: [a.png][bytes]'What?' | assistant: t", Show(ReadRow($$"""{"images":["a.png","{{base64}}"],"text":"t"}""")));
        string path = "/9j/" + new string('a', 40);
        Refused($$"""{"image":"{{path}}!","caption":"c"}""", $"key 'image' is '{path}!', but {path}! does not exist. Check the path and data.image_root.");
        string name = "Qk" + new string('a', 40);
        Folder.Save(name, "x");
        Assert.Equal(Folder.At(name), ReadRow($$"""{"image":"{{name}}","caption":"c"}""").Images[0].FilePath);
    }

    [Theory]
    [InlineData("""{"image":"a.png","question":"q","chosen":"y","rejected":"n"}""", "user: [a.png]'q' | assistant: y")]
    [InlineData("""{"images":["a.png"],"prompt":[{"role":"user","content":[{"type":"image","text":null},{"type":"text","text":"q"}]}],"chosen":[{"role":"assistant","content":[{"type":"text","text":"y"}]}],"rejected":[{"role":"assistant","content":[{"type":"text","text":"n"}]}]}""", "user: [a.png]'q' | assistant: 'y'")]
    [InlineData("""{"prompt":"q","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"y"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"n"}]}""", "user: q | assistant: y")]
    [InlineData("""{"images":["a.png"],"chosen":[{"role":"user","content":"<image>q"},{"role":"assistant","content":"y"}],"rejected":[{"role":"user","content":"<image>q"},{"role":"assistant","content":"n"}]}""", "user: [a.png]'q' | assistant: y")]
    public void Preference_pairs_are_read_where_they_are_asked_for(string json, string expected)
    {
        Assert.Equal(expected, Show(ReadRow(json, "preference")));
        Assert.Equal(expected, Show(ReadRow(json, "dpo")));
        Refused(json, "these are preference pairs (chosen, rejected), and the objective sft learns from one answer. Set data.format: preference to train on the chosen answers.");
    }
}
