using System.Text;
using Lorikeet.Testing;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Config;

/// <summary>Whatever a run file contains, reading it ends in a configuration or in a message.</summary>
public sealed class HostileRunFileTests
{
    private const string Marks = ":-?[]{},#&*!|>'\"%@`~\n\t \\<=.0e+é\0\u0085\ud83d\ude00";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_mutated_run_file_is_read_or_refused(int seed) => Mutate(seed, rounds: 200);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_mutated_run_files_are_read_or_refused() => Mutate(seed: 4, rounds: 3_000);

    private static void Mutate(int seed, int rounds)
    {
        string recipe = File.ReadAllText(Directory.EnumerateFiles(Path.Combine(Golden.Root, "..", "..", "recipes"), "*.yaml", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal).First());
        var random = new Random(seed);
        using var file = new RunFile("");
        for (int round = 0; round < rounds; round++)
        {
            var text = new StringBuilder(recipe);
            for (int edit = random.Next(1, 6); edit > 0; edit--)
            {
                int at = random.Next(text.Length);
                switch (random.Next(4))
                {
                    case 0:
                        text[at] = Marks[random.Next(Marks.Length)];
                        break;
                    case 1:
                        text.Insert(at, Marks[random.Next(Marks.Length)]);
                        break;
                    case 2:
                        text.Remove(at, Math.Min(text.Length - at, random.Next(1, 40)));
                        break;
                    default:
                        text.Insert(at, text.ToString(at, Math.Min(text.Length - at, random.Next(1, 80))));
                        break;
                }
            }

            Fuzz.Run(
                1,
                _ => Encoding.UTF8.GetBytes(text.ToString()),
                mutant =>
                {
                    File.WriteAllBytes(file.Path, mutant);
                    ReadOrRefuse(file.Path, text.ToString());
                },
                maxBytes: 32 << 20);
        }
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    [InlineData("? ")]
    [InlineData("&a ")]
    [InlineData("!t ")]
    [InlineData("\"")]
    [InlineData("a:\n ")]
    public void A_long_repetition_costs_neither_the_stack_nor_much_time(string part)
    {
        using var file = new RunFile(string.Concat(Enumerable.Repeat(part, 20_000)));
        ReadOrRefuse(file.Path, part);
    }

    private static void ReadOrRefuse(string path, string text)
    {
        try
        {
            RunConfigReader.Load(path, []);
        }
        catch (InvalidDataException refused)
        {
            Assert.StartsWith(path, refused.Message, StringComparison.Ordinal);
        }
        catch (Exception other)
        {
            Assert.Fail($"{other}\nfor the run file\n{text}");
        }
    }
}
