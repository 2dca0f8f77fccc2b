namespace Lorikeet.Evaluation.Tests;

/// <summary>Values published with the programs that the metrics must agree with, and values computed by hand.</summary>
public sealed class MetricTests
{
    private const string RougeTarget1 = "ZfbCUIUuePaiLVUlCaUXxkpu XPeWing tUHfPMuZ',-Xd Y BrUgVJing M-HV.-DgdDaY.rFDJCRing Ht-LM EKBDXkME,yz'RBr q'wtion wIojNbN wL,b .a-'XdQggyFl jB-RPP'iyOIcUxer tKM L";
    private const string RougePrediction1 = "rFDJCRtion Ht-LM EKtDXkME,yz'RBr q'wer wrojNbN wL,b .a-'XdQggyFl jB-RPP'iyOIcUxi";
    private const string RougeTarget2 = "KsJdPByEtAor fE-Qg Dpdbring cw-WeFyu vC MoBL Xdn g wkvcEiGvKtion BDFhrpMtion psing sbKao Q m qiing LMmer HqqLFXe,XPY,J XsurkMer ,ed nB'wH'bWVHjWFEing tQ.saefZwJtKrTlixYpMMsJing UCAPwNHeYVjDing c T BUySKtion gMPfJpwGw p'NvxAoping eu pBwMBKV'I DNxqelhu,PHPxDEq,mtion SN";
    private const string RougePrediction2 = "n cw-WeFyu vC MoBL Xdn g wkvcEiGvKtion BDFhrpMer pstion sbKao Q m qier LMmed HqqLFXe,XPY,J XsurkMeo ,ed nB'wH'bWVHjWFEer tQ.saefZwJtKrTlixYpMMNJtion UCAPwNHeYVjD";

    // From the READMEs and tests of sacreBLEU.
    private static readonly string[] BleuAnswers = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."];
    private static readonly string[][] BleuReferences =
    [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ];

    [Theory]
    [InlineData("exact_match", "A cat.", "A cat.", 1)]
    [InlineData("exact_match", " A cat.\n", "A cat.", 1)]
    [InlineData("exact_match", "a cat.", "A cat.", 0)]
    [InlineData("quasi_exact_match", "The  cat!", "a cat", 1)]
    [InlineData("quasi_exact_match", "the cats", "a cat", 0)]
    [InlineData("quasi_exact_match", "C++ & C#", "c c", 1)]
    [InlineData("quasi_exact_match", "另一只猫", "另一只猫", 1)]
    [InlineData("contains", "It is a RED  circle, I think.", "red circle", 1)]
    [InlineData("contains", "It is a blue circle", "red circle", 0)]
    [InlineData("relaxed_accuracy", "95", "100", 1)] // exactly 5 %
    [InlineData("relaxed_accuracy", "94.9", "100", 0)]
    [InlineData("relaxed_accuracy", "-105", "-100", 1)]
    [InlineData("relaxed_accuracy", "12%", "0.12", 1)]
    [InlineData("relaxed_accuracy", "12", "12%", 0)]
    [InlineData("relaxed_accuracy", "0", "0", 1)] // a reference of 0 is compared as text
    [InlineData("relaxed_accuracy", "0.0", "0", 0)]
    [InlineData("relaxed_accuracy", "Yes ", "yes", 1)]
    [InlineData("relaxed_accuracy", "1,000", "1000", 0)] // as float() in the reference
    [InlineData("relaxed_accuracy", "NaN", "1", 0)]
    public void Right_or_wrong(string metric, string answer, string reference, double expected) =>
        Assert.Equal(expected, One(metric, answer, reference));

    // Biten et al. 2019, table of examples: similarities 0.89, 1.00 with "Coca Cola" and 0.44 and less, which count 0;
    // 9/17 = 0.53 with "Coca Cola Company". "ab" and "ac" are exactly one half alike, which DocVQA's script counts.
    [Theory]
    [InlineData("CocaCola", "Coca Cola", 8.0 / 9)]
    [InlineData("coca  cola ", "Coca Cola", 1)]
    [InlineData("The Coca", "Coca Cola", 0)]
    [InlineData("Cat", "Coca Cola", 0)]
    [InlineData("Coca cola", "Coca Cola Company", 9.0 / 17)]
    [InlineData("ab", "ac", 0.5)]
    [InlineData("", "", 1)]
    [InlineData("", "a", 0)]
    [InlineData("😀😀😀", "😀😀x", 2.0 / 3)] // characters are code points
    public void Anls(string answer, string reference, double expected) => Assert.Equal(expected, One("anls", answer, reference), 12);

    [Theory]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("who dat", "who dem", 2)]
    [InlineData("", "abc", 3)]
    public void Edits_are_counted(string a, string b, int expected) => Assert.Equal(expected, Evaluation.Anls.Distance(a, b));

    [Fact]
    public void The_best_of_several_references_counts()
    {
        Assert.Equal(1, Score("exact_match", ("b", ["a", "b"]))[0]);
        Assert.Equal(8.0 / 9, Score("anls", ("CocaCola", ["Pepsi", "Coca Cola"]))[0], 12);
        Assert.Equal(0.8, Score("rouge_l", ("testing one", ["other", "testing one two"]))[0], 12);
    }

    // With ten annotators of whom n agree, leaving one out: n of the ten subsets have n-1 equal, 10-n have n.
    // n = 1: (0 + 9 * 1/3) / 10 = 0.3; n = 2: (2 * 1/3 + 8 * 2/3) / 10 = 0.6; n = 3: (3 * 2/3 + 7) / 10 = 0.9; from 4 on 1.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.3)]
    [InlineData(2, 0.6)]
    [InlineData(3, 0.9)]
    [InlineData(4, 1)]
    public void Vqa_accuracy_of_ten_annotators(int agreeing, double expected)
    {
        string[] references = [.. Enumerable.Repeat("Two", agreeing), .. Enumerable.Range(agreeing, 10 - agreeing).Select(i => $"other {i}")];
        Assert.Equal(expected, Score("vqa_accuracy", ("2", references))[0], 12);
    }

    [Theory]
    [InlineData("The Dog's, toy!", "dogs toy")]
    [InlineData("It is 3.5", "it is 3.5")]
    [InlineData("1,000 m.", "1000 m")]
    [InlineData("black-white", "black white")]
    [InlineData("none", "0")]
    public void Vqa_texts_are_normalised(string text, string expected) => Assert.Equal(expected, VqaAccuracy.Normalise(text));

    [Fact]
    public void Vqa_accuracy_of_one_reference_is_right_or_wrong()
    {
        Assert.Equal(1, One("vqa_accuracy", "A dog.", "dog"));
        Assert.Equal(0, One("vqa_accuracy", "cat", "dog"));
    }

    // Expected values: sacreBLEU's test suite (test_bleu.py and test_sentence_bleu.py).
    [Fact]
    public void Bleu_equals_sacrebleu()
    {
        Assert.Equal(48.530827, Value("bleu", [.. BleuAnswers.Zip(BleuReferences)]), 6);
        Assert.Equal(0, Value("bleu", [.. BleuReferences.Select(r => ("", r))]));
        Assert.Equal(
            8.493,
            One("bleu", "Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;", "producţia de zahăr brut se exprimă în zahăr alb;"),
            3);
        Assert.Equal(0, One("bleu", "this is a cat", "okay thanks"));
    }

    // By hand: "a b" against "a b c": effective order 2, precisions 2/2 and 1/1, brevity exp(1 - 3/2).
    // As a corpus of one row it is 0: no run of three or four words exists.
    [Fact]
    public void A_row_has_sentence_bleu_and_the_corpus_has_all_orders()
    {
        Assert.Equal(100 * Math.Exp(-0.5), One("bleu", "a b", "a b c"), 10);
        Assert.Equal(0, Value("bleu", [("a b", ["a b c"])]));
    }

    [Theory]
    [InlineData("Hello, world! It's 3.5, or 1,000.", "Hello , world ! It's 3.5 , or 1,000 .")]
    [InlineData("2-fold well-known -- x", "2 - fold well-known -- x")]
    [InlineData("a &lt;b&gt; &amp; \"c\"", "a < b > & \" c \"")]
    [InlineData("end-\nof\nline", "endof line")]
    [InlineData("a.b c.", "a . b c .")]
    public void Bleu_separates_words_as_13a(string text, string expected) => Assert.Equal(expected, string.Join(' ', BleuTokenizer.Tokenize(text)));

    // Expected values: rouge_score's rouge_scorer_test.py; the two long pairs are from ROUGE-1.5.5.
    [Theory]
    [InlineData("testing one", "testing one two", 4.0 / 5)]
    [InlineData("testing two", "testing one two", 4.0 / 5)]
    [InlineData("", "testing one two", 0)]
    [InlineData("/", "w1 w2", 0)]
    [InlineData(RougePrediction1, RougeTarget1, 0.51163)]
    [InlineData(RougePrediction2, RougeTarget2, 0.50000)]
    public void Rouge_l_equals_rouge_score(string answer, string reference, double expected) => Assert.Equal(expected, One("rouge_l", answer, reference), 5);

    // By hand. Two rows, so a run found in one row's references has weight log 2 and one found in both weight 0.
    // Row 1: equal texts "a cat sat down": every cosine is 1 but for runs of weight 0 ("a" is in both rows; the three others count), so 10.
    // Row 2: no common run but "a": 0. Mean 5.
    [Fact]
    public void Cider_of_equal_and_of_unrelated_captions()
    {
        Assert.Equal([10, 0], Score("cider", ("a cat sat down", ["A cat sat down."]), ("some birds fly away", ["a dog runs there now"])), Close);
        Assert.Equal(5, Value("cider", [("a cat sat down", ["A cat sat down."]), ("some birds fly away", ["a dog runs there now"])]), 10);
    }

    // By hand: answer "red red ball", reference "red ball", all of weight w = log 2.
    // 1: answer (2w, w), reference (w, w): clipped product w*w + w*w = 2w^2, norms sqrt(5) w * sqrt(2) w: 2 / sqrt(10).
    // 2: answer {red red, red ball}, reference {red ball}: w^2 / (sqrt(2) w * w) = 1 / sqrt(2). 3 and 4: 0.
    // Lengths in runs of two: 2 and 1, penalty exp(-1 / 72). Mean over four orders, times ten.
    [Fact]
    public void Cider_clips_repeats_and_punishes_length()
    {
        double expected = 10 * ((2 / Math.Sqrt(10)) + (1 / Math.Sqrt(2))) / 4 * Math.Exp(-1.0 / 72);
        Assert.Equal(expected, Score("cider", ("red red ball", ["red ball"]), ("x", ["y z"]))[0], 10);
    }

    // The mean over references: the second has nothing in common.
    [Fact]
    public void Cider_averages_over_references()
    {
        double[] scores = Score("cider", ("one two three four", ["one two three four", "quite another text here"]), ("x", ["y"]));
        Assert.Equal(5, scores[0], 10);
    }

    [Theory]
    [InlineData("A man's well-known hat.", "a man 's well-known hat")]
    [InlineData("They don't, can't & won’t!", "they do n't ca n't & wo n't")]
    [InlineData("(3.5 m) of 1,000 \"red\" balls...", "3.5 m of 1,000 red balls")]
    [InlineData("$5 or 5%?", "$ 5 or 5 %")]
    [InlineData("一只猫 sits", "一 只 猫 sits")]
    [InlineData("", "")]
    public void Captions_are_separated_into_words(string text, string expected) => Assert.Equal(expected, string.Join(' ', CaptionTokenizer.Tokenize(text)));

    // By hand: (2 + 6) / (4 + 4) over all tokens; rows alone 2/4 and 6/4.
    [Fact]
    public void Loss_weighs_rows_by_their_tokens()
    {
        Prediction[] rows = [new("", ["a"]) { LossSum = 2, LossTokens = 4 }, new("", ["b"]) { LossSum = 12, LossTokens = 12 }];
        Measurement loss = Measurement.Of(new TokenLoss(), rows), perplexity = Measurement.Of(new Perplexity(), rows);
        Assert.Equal(14.0 / 16, loss.Value, 12);
        Assert.Equal([0.5, 1], loss.Rows.Select(r => r.Score));
        Assert.Equal(Math.Exp(14.0 / 16), perplexity.Value, 12);
        Assert.Equal(Math.E, perplexity.Rows[1].Score, 12);
    }

    [Fact]
    public void The_catalog_knows_names_and_synonyms_and_refuses_others()
    {
        Assert.Equal(["bleu", "exact_match", "rouge_l"], MetricCatalog.Create(["BLEU", "accuracy", "em", "ROUGE-L"], new MetricOptions()).Select(m => m.Name));
        Assert.Equal(MetricCatalog.Default, MetricCatalog.Create(null, new MetricOptions()).Select(m => m.Name));
        Assert.All(MetricCatalog.Names, name => Assert.Equal(name, MetricCatalog.Create([name], new MetricOptions()).Single().Name));
        var error = Assert.Throws<InvalidDataException>(() => MetricCatalog.Create(["meteor"], new MetricOptions()));
        Assert.StartsWith("metrics: 'meteor' is not known; expected some of exact_match, ", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => MetricCatalog.Create(null, new MetricOptions { NumericTolerance = double.NaN }));
    }

    private static readonly IEqualityComparer<double> Close = new CloseDoubles();

    private static IMetric Metric(string name) => MetricCatalog.Create([name], new MetricOptions()).Single();

    private static double One(string metric, string answer, string reference) => Score(metric, (answer, [reference]))[0];

    private static double[] Score(string metric, params (string Answer, string[] References)[] rows) =>
        [.. Metric(metric).Score([.. rows.Select(r => new Prediction(r.Answer, r.References))]).Select(r => r.Score)];

    private static double Value(string metric, (string Answer, string[] References)[] rows) =>
        Measurement.Of(Metric(metric), [.. rows.Select(r => new Prediction(r.Answer, r.References))]).Value;

    private sealed class CloseDoubles : IEqualityComparer<double>
    {
        public bool Equals(double x, double y) => Math.Abs(x - y) < 1e-10;

        public int GetHashCode(double obj) => 0;
    }
}
