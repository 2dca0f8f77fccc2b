using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Lorikeet.Testing;

namespace Lorikeet.Tracking.Tests;

public sealed class RunEventTests
{
    public static TheoryData<string> EventTypes() => [.. RunEventJson.KnownTypes];

    [Fact]
    public void A_step_has_the_names_of_the_document_in_a_fixed_order()
    {
        string json = Encoding.UTF8.GetString(RunEventJson.Write(new StepTaken
        {
            Time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
            ElapsedS = 12.5,
            Step = 3,
            Steps = 100,
            Epoch = 0.06,
            Loss = 1.25,
            LearningRate = 0.0002,
            GradNorm = double.NaN,
            Memory = new MemoryUse { Weights = 1 },
            Metrics = new Dictionary<string, double> { ["rewards/margin"] = 0.5 },
        }));
        Assert.Equal("""
            {"v":1,"type":"step","time":"2026-01-02T03:04:05+00:00","elapsed_s":12.5,"step":3,"steps":100,"epoch":0.06,"loss":1.25,"learning_rate":0.0002,"grad_norm":"NaN","tokens":0,"supervised_tokens":0,"images":0,"seconds":0,"tokens_per_s":0,"memory":{"weights":1,"gradients":0,"optimizer":0,"activations":0,"workspace":0,"resident":0,"peak_resident":0},"metrics":{"rewards/margin":0.5}}
            """, json);
    }

    [Theory]
    [MemberData(nameof(EventTypes))]
    public void Every_event_survives_the_round_trip(string type)
    {
        var happened = (RunEvent)Activator.CreateInstance(TypeOf(type))!;
        happened = happened with { ElapsedS = 1.5, Time = DateTimeOffset.UnixEpoch };
        Assert.Equal(happened, RunEventJson.Read(RunEventJson.Write(happened)));
    }

    [Theory]
    [MemberData(nameof(EventTypes))]
    public void The_document_lists_every_type_and_field(string type)
    {
        string[] rows = [.. File.ReadLines(Path.Combine(Golden.Root, "..", "..", "docs", "run-events.md"))
            .SkipWhile(line => !line.StartsWith($"| `{type}` |", StringComparison.Ordinal))];
        Assert.NotEmpty(rows);
        string section = string.Join('\n', rows.Take(1).Concat(rows.Skip(1).TakeWhile(row => row.StartsWith("| |", StringComparison.Ordinal))));
        var documented = Regex.Matches(section, "`([a-z_]+)`", RegexOptions.None, TimeSpan.FromSeconds(1)).Select(m => m.Groups[1].Value).ToHashSet();
        var fields = TypeOf(type).GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(p => p.SetMethod is not null).Select(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name));
        Assert.All(fields, field => Assert.Contains(field, documented));
    }

    [Fact]
    public void The_schema_beside_the_document_is_that_of_the_program()
    {
        string path = Path.Combine(Golden.Root, "..", "..", "docs", "run-events.schema.json");
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllText(path)), RunEventJson.Schema()),
            $"{path} should be: {RunEventJson.Schema().ToJsonString(new JsonSerializerOptions { WriteIndented = true })}");
    }

    [Fact]
    public void An_unknown_type_is_passed_over_and_an_unknown_field_too()
    {
        Assert.Null(RunEventJson.Read("""{"v":1,"type":"from_the_future","x":1}"""u8));
        Assert.Equal("hi", Assert.IsType<Noted>(RunEventJson.Read("""{"type":"note","v":1,"new":2,"message":"hi"}"""u8)).Message);
    }

    [Theory]
    [InlineData("""{"v":2,"type":"note"}""", "a run event of version 2; this program reads version 1")]
    [InlineData("""{"type":"note"}""", "no run event: it has no version 'v'")]
    [InlineData("""{"v":1,"type":"note","message":""", "no run event: ")]
    [InlineData("""[1]""", "no run event: ")]
    [InlineData("""null""", "no run event: ")]
    [InlineData("""{"v":1,"type":"step","loss":"x"}""", "no run event: ")]
    public void What_is_no_event_is_refused(string line, string message) =>
        Assert.StartsWith(message, Assert.Throws<InvalidDataException>(() => RunEventJson.Read(Encoding.UTF8.GetBytes(line))).Message, StringComparison.Ordinal);

    private static Type TypeOf(string name) => typeof(RunEvent).GetCustomAttributes<JsonDerivedTypeAttribute>()
        .Single(type => (string)type.TypeDiscriminator! == name).DerivedType;
}
