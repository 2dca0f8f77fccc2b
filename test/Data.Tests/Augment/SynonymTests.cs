using Lorikeet.Data.Augment;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Tests.Augment;

public sealed class SynonymTests
{
    [Fact]
    public void WholeWordsAreReplacedInTheirCase()
    {
        string text = Replaced("big, large\n", "Big dogs, BIG dogs, a big dog; bigger, bigBig");

        Assert.Equal("Large dogs, LARGE dogs, a large dog; bigger, bigBig", text);
    }

    [Fact]
    public void AColonReplacesInOneDirection()
    {
        Assert.Equal("A couch. A couch.", Replaced("sofa: couch\n", "A sofa. A couch."));
    }

    [Fact]
    public void PhrasesWinOverTheirWords()
    {
        Assert.Equal("the signal is a lamp", Replaced("traffic light: signal\nlight: lamp\n", "the traffic  light is a light"));
    }

    [Fact]
    public void TokensTagsAndNamesAreLeftAlone()
    {
        const string Text = "<cat> [cat] <|cat|> cat.png a/cat http://cat.org cat's cat-like my_cat #cat <fake cat> cat.";

        Assert.Equal(
            "<cat> [cat] <|cat|> cat.png a/cat http://cat.org cat's cat-like my_cat #cat <fake feline> feline.",
            Replaced("cat: feline\n", Text, ["[cat]"]));
    }

    [Fact]
    public void ChineseIsReplacedWithoutSpaces()
    {
        Assert.Equal("这只巨大的狗，小猫", Replaced("# 近义词\n很大、巨大\n狗：小狗\n", "这只很大的狗，小猫").Replace("小狗", "狗", StringComparison.Ordinal));
    }

    [Fact]
    public void OnlyTheChosenRolesSpeakDifferently()
    {
        Sample sample = AugmenterTests.Conversation("a big cat", "a big cat");

        Assert.Equal(["a large cat", "a big cat"], Apply(sample, "big: large\n", ["user"]));
        Assert.Equal(["a big cat", "a large cat"], Apply(sample, "big: large\n", ["assistant"]));
    }

    [Fact]
    public void TheProbabilityIsThatOfAWord()
    {
        using var folder = new TemporaryDirectory();
        string text = string.Join(' ', Enumerable.Repeat("big", 4000));
        Augmenter augmenter = Create(folder, "big: large, huge\n", 0.25, ["user"], []);

        string[] words = augmenter.Plan([new ChatMessage("user", text)], [], 5).Messages[0].AllText.Split(' ');

        Assert.InRange(words.Count(w => w == "large"), 420, 580);
        Assert.InRange(words.Count(w => w == "huge"), 420, 580);
    }

    [Fact]
    public void TheSamePromptIsChangedAlikeBeforeDifferentAnswers()
    {
        using var folder = new TemporaryDirectory();
        Augmenter augmenter = Create(folder, "big, large, huge, vast\n", 0.5, ["user"], []);
        var prompt = new ChatMessage("user", "big large huge vast big large huge vast");

        for (ulong key = 0; key < 10; key++)
        {
            Assert.Equal(
                augmenter.Plan([prompt, new ChatMessage("assistant", "big")], [], key).Messages[0].AllText,
                augmenter.Plan([prompt, new ChatMessage("assistant", "something else, huge")], [], key).Messages[0].AllText);
        }
    }

    [Theory]
    [InlineData("big\n", "words.txt:1: 'big' names no synonyms")]
    [InlineData("# x\n\nbig, Big\n", "words.txt:3: 'big, Big' names no synonyms")]
    [InlineData("big,, large\n", "words.txt:1: 'big,, large' names no synonyms")]
    [InlineData(": large\n", "words.txt:1: ': large' names no synonyms")]
    [InlineData("# nothing\n", "words.txt: the word list holds no words")]
    public void AnUnusableListIsNamedWithItsLine(string list, string message)
    {
        using var folder = new TemporaryDirectory();

        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Create(folder, list, 1, ["user"], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AMissingListOrOneThatIsNoTextIsAnError()
    {
        using var folder = new TemporaryDirectory();
        string path = folder.Save("binary.txt", [0xff, 0xfe, 0x00, 0x41]);

        Assert.Contains("is not UTF-8", Refused(path), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Refused(path + ".missing"), StringComparison.Ordinal);

        static string Refused(string path) =>
            Assert.Throws<InvalidDataException>(() => Augmenter.Create(new AugmentOptions { Synonyms = new SynonymOptions { File = path } }, [])).Message;
    }

    [Fact]
    public void TheIdentityFollowsTheContentOfTheListNotItsPlace()
    {
        using var one = new TemporaryDirectory();
        using var other = new TemporaryDirectory();

        Assert.Equal(Create(one, "a: b\n", 1, ["user"], []).Identity, Create(other, "a: b\n", 1, ["user"], []).Identity);
        Assert.NotEqual(Create(one, "a: b\n", 1, ["user"], []).Identity, Create(other, "a: c\n", 1, ["user"], []).Identity);
    }

    private static string Replaced(string list, string text, string[]? tokens = null)
    {
        using var folder = new TemporaryDirectory();
        return Create(folder, list, 1, ["user"], tokens ?? []).Plan([new ChatMessage("user", text)], [], 1).Messages[0].AllText;
    }

    private static List<string> Apply(Sample sample, string list, string[] roles)
    {
        using var folder = new TemporaryDirectory();
        return Create(folder, list, 1, roles, []).Apply(sample, [], 1).Messages.Select(m => m.AllText).ToList();
    }

    private static Augmenter Create(TemporaryDirectory folder, string list, double probability, string[] roles, string[] tokens) =>
        Augmenter.Create(new AugmentOptions { Synonyms = new SynonymOptions { File = folder.Save("words.txt", list), Probability = probability, Roles = roles } }, tokens);
}
