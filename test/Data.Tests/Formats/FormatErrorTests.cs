namespace Lorikeet.Data.Tests.Formats;

public sealed class FormatErrorTests : FormatTestBase
{
    private const string Tail = """{"role":"assistant","content":"r"}""";

    [Theory]
    [InlineData("""{"messages":[]}""", "key 'messages' is a list of 0; expected a list of at least one object.")]
    [InlineData("""{"messages":"x"}""", "key 'messages' is a string; expected a list of at least one object.")]
    [InlineData("""{"messages":["x"]}""", "key 'messages[0]' is a string; expected an object.")]
    [InlineData("""{"messages":[{"content":"q"},""" + Tail + "]}", "key 'messages[0].role' is missing; expected a string. Keys found: content.")]
    [InlineData("""{"messages":[{"role":"bot","content":"q"},""" + Tail + "]}", "key 'messages[0].role' is 'bot'; expected system, user, assistant or tool.")]
    [InlineData("""{"messages":[{"role":"human","content":"q"},""" + Tail + "]}", "key 'messages[0].role' is 'human'; expected user. Rows with human and gpt are of the format sharegpt, with from and value.")]
    [InlineData("""{"messages":[{"role":"user"},""" + Tail + "]}", "key 'messages[0].content' is missing; expected a string or a list of parts. Keys found: role.")]
    [InlineData("""{"messages":[{"role":"user","content":7},""" + Tail + "]}", "key 'messages[0].content' is 7; expected a string or a list of parts.")]
    [InlineData("""{"messages":[{"role":"user","content":[]},""" + Tail + "]}", "key 'messages[0].content' is an empty list; expected at least one part.")]
    [InlineData("""{"messages":[{"role":"user","content":[{"text":"q"}]},""" + Tail + "]}", "key 'messages[0].content[0].type' is missing; expected a string. Keys found: text.")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"audio"}]},""" + Tail + "]}", "key 'messages[0].content[0].type' is 'audio'; expected text, image or video.")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"text"}]},""" + Tail + "]}", "key 'messages[0].content[0].text' is missing; expected a string. Keys found: type.")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image"}]},""" + Tail + "]}", "the text has 1 '<image>' placeholder(s), but key 'images' lists 0 picture(s). Every picture needs exactly one placeholder.")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image","image":7}]},""" + Tail + "]}", "key 'messages[0].content[0].image' is 7; expected a path, a data: URI, or an object with 'path' or 'bytes'.")]
    [InlineData("""{"images":["a.png","b.png"],"messages":[{"role":"user","content":"<image>"},""" + Tail + "]}", "the text has 1 '<image>' placeholder(s), but key 'images' lists 2 picture(s). Every picture needs exactly one placeholder.")]
    [InlineData("""{"messages":[{"role":"user","content":"q"}]}""", "the last message ('messages[0].content') is the user's; expected an assistant's answer at the end.")]
    [InlineData("""{"messages":[""" + Tail + "]}", "key 'messages[0].content' has the role assistant; expected system or user first.")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"user","content":"q"},""" + Tail + "]}", "key 'messages[1].content' has the role user; expected assistant after user.")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},""" + Tail + "," + Tail + "]}", "key 'messages[2].content' has the role assistant; expected user after assistant (two messages of one speaker must be joined).")]
    [InlineData("""{"messages":[{"role":"system","content":"s"},""" + Tail + "]}", "key 'messages[1].content' has the role assistant; expected user after system.")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":" \n"}]}""", "key 'messages[1].content': the answer is empty; expected text. Remove the row or fill it in.")]
    [InlineData("""{"messages":[{"role":"user","content":""},""" + Tail + "]}", "key 'messages[0].content': the user's message is empty; expected text. Remove the row or fill it in.")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"image","image":"a.png"},{"type":"text","text":"r"}]}]}""", "key 'messages[1].content' puts a picture into the assistant's message; expected pictures in user messages only.")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud83d"},""" + Tail + "]}", "key 'messages[0].content' holds half of a surrogate pair (\\uD800 to \\uDFFF), which is no character.")]
    public void A_bad_messages_row_is_named(string json, string expected) => Refused(json, expected);

    [Theory]
    [InlineData("""{"\ud800":1}""")]
    [InlineData("""{"a":1,"\ud800":1}""")]
    [InlineData("""{"a":{"b":1,"\ud800":1}}""")]
    public void A_key_that_is_no_text_is_named(string json) =>
        Refused(json, "a key of the row holds half of a surrogate pair (\\uD800 to \\uDFFF), which is no character.");

    [Theory]
    [InlineData("""{"conversations":[{"value":"q"}]}""", "key 'conversations[0].from' is missing; expected a string. Keys found: value.")]
    [InlineData("""{"conversations":[{"from":"bing","value":"q"}]}""", "key 'conversations[0].from' is 'bing'; expected human, gpt or system.")]
    [InlineData("""{"conversations":[{"from":"human"}]}""", "key 'conversations[0].value' is missing; expected a string. Keys found: from.")]
    [InlineData("""{"image":"a.png","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"r"}]}""", "the text has 0 '<image>' placeholder(s), but key 'image' lists 1 picture(s). Every picture needs exactly one placeholder.")]
    [InlineData("""{"image":"a.png","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"<image>r"}]}""", "key 'conversations[1].value' puts a picture into the assistant's message; expected pictures in user messages only.")]
    [InlineData("""{"images":["a.png"],"texts":[{"user":"q"}]}""", "key 'texts[0].assistant' is missing; expected a string. Keys found: user.")]
    [InlineData("""{"images":["a.png"],"texts":[{"user":"q","assistant":""}]}""", "key 'texts[0].assistant': the answer is empty; expected text. Remove the row or fill it in.")]
    [InlineData("""{"image":"a.png","caption":""}""", "key 'caption': the answer is empty; expected text. Remove the row or fill it in.")]
    [InlineData("""{"image":"a.png","caption":["x"]}""", "key 'caption' is a list of 1; expected a string.")]
    [InlineData("""{"images":[],"text":"t"}""", "key 'images' is an empty list; expected the path of a picture.")]
    public void A_bad_row_of_another_format_is_named(string json, string expected) => Refused(json, expected);

    [Theory]
    [InlineData("\"none.png\"", "key 'image' is 'none.png', but ROOT/none.png does not exist. Check the path and data.image_root.")]
    [InlineData("\"images\\\\d.png\"", "key 'image' is 'images\\d.png', but ROOT/images\\d.png does not exist. Write paths with forward slashes.")]
    [InlineData("\"\"", "key 'image' is empty; expected the path of a picture.")]
    [InlineData("\"a.png\\u0000\"", "key 'image' holds a zero character; expected the path of a picture.")]
    [InlineData("\"../x.png\"", "key 'image' is '../x.png', which leaves the image root ROOT. Move the picture, set data.image_root, or write an absolute path.")]
    [InlineData("\"images/../../x.png\"", "key 'image' is 'images/../../x.png', which leaves the image root ROOT. Move the picture, set data.image_root, or write an absolute path.")]
    [InlineData("\"https://example.org/a.png\"", "key 'image' is the address https://example.org/a.png; pictures are not fetched from the network. Download it and give the path.")]
    [InlineData("\"data:image/png,xyz\"", "key 'image' is a data: URI without base64; expected data:image/...;base64,....")]
    [InlineData("\"data:image/png;base64,x!y\"", "key 'image' is not valid base64 (3 characters, beginning 'x!y').")]
    [InlineData("[\"a.png\",\"none.png\"]", "key 'image[1]' is 'none.png', but ROOT/none.png does not exist. Check the path and data.image_root.")]
    [InlineData("{}", "key 'image' is an object; expected a path, a data: URI, or an object with 'path' or 'bytes'.")]
    [InlineData("{\"path\":\"none.png\"}", "key 'image.path' is 'none.png', but ROOT/none.png does not exist. Check the path and data.image_root.")]
    public void A_bad_picture_is_named(string image, string expected) => Refused($$"""{"image":{{image}},"caption":"c"}""", expected);

    [Fact]
    public void Long_paths_are_cut_in_messages_and_base64_is_suspected()
    {
        var error = Assert.Throws<InvalidDataException>(() => ReadRow($$"""{"image":"{{new string('A', 5000)}}","caption":"c"}"""));
        Assert.EndsWith("It looks like base64: write it as data:image/png;base64,....", error.Message, StringComparison.Ordinal);
        Assert.True(error.Message.Length < 800);
    }

    [Fact]
    public void A_missing_key_is_named_when_the_format_is_given()
    {
        Refused("""{"image":"a.png","text":"t"}""", "key 'caption' is missing; expected a string. Keys found: image, text.", "caption");
        Refused("""{"text":"t"}""", "key 'image' is missing; expected the path of a picture. Keys found: text.", "image_text");
        Refused("""{"image":"a.png"}""", "key 'conversations' is missing; expected a list of objects. Keys found: image.", "llava");
    }

    [Theory]
    [InlineData("""{"image":"a.png","captoin":"c"}""", "image, captoin. The nearest is caption: {\"image\": \"a.png\", \"caption\": \"...\"}.")]
    [InlineData("""{"Image":"a.png","Conversation":[]}""", "Image, Conversation. The nearest is sharegpt: {\"image\":")]
    [InlineData("""{"message":[]}""", "message. The nearest is messages: {\"messages\":")]
    [InlineData("""{"foo":1,"bar":null}""", "foo. The simplest is caption: {\"image\": \"a.png\", \"caption\": \"...\"}.")]
    [InlineData("{}", "none. The simplest is caption:")]
    public void An_unknown_format_lists_the_keys_and_the_nearest_format(string json, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => ReadRow(json));
        Assert.StartsWith($"{Folder.At("x.jsonl")}:1: the row's format is not known; its keys are {expected}", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Rename the keys, or convert the rows to one of messages, sharegpt, the_cauldron, preference, prompt_completion, alpaca, qa, caption, task, image_text.", error.Message, StringComparison.Ordinal);
    }
}
