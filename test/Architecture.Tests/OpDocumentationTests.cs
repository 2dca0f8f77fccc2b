using System.Text.RegularExpressions;

namespace Lorikeet.Architecture.Tests;

/// <summary>Every op says the shapes of its tensors where it is declared.</summary>
public sealed partial class OpDocumentationTests
{
    [Fact]
    public void Every_tensor_parameter_of_an_op_has_its_shape_in_the_documentation()
    {
        var silent = new List<string>();
        int parameters = 0;
        foreach (string file in Directory.EnumerateFiles(Repository.At("src", "Tensors", "Ops"), "*.cs"))
        {
            string[] lines = File.ReadAllLines(file);
            for (int i = 0; i < lines.Length; i++)
            {
                if (!lines[i].Contains("public static Tensor Forward(", StringComparison.Ordinal) || !lines[i].Contains("StepScope scope", StringComparison.Ordinal))
                {
                    continue;
                }

                string documentation = DocumentationAbove(lines, i);
                foreach (Match parameter in TensorParameter().Matches(lines[i]))
                {
                    parameters++;
                    string name = parameter.Groups[1].Value;
                    if (!Regex.IsMatch(documentation, $"""<param name="{name}">[^<]*[\[(][A-Za-z0-9*/.,·\s]+[\])]""", RegexOptions.None, TimeSpan.FromSeconds(5)))
                    {
                        silent.Add($"{Repository.Name(file)}:{i + 1}: {name}");
                    }
                }
            }
        }

        Assert.Empty(silent);
        Assert.True(parameters > 20, $"only {parameters} tensor parameters were found; has the form of the ops changed?");
    }

    private static string DocumentationAbove(string[] lines, int line)
    {
        int first = line;
        while (first > 0 && lines[first - 1].TrimStart().StartsWith("///", StringComparison.Ordinal))
        {
            first--;
        }

        return string.Join('\n', lines[first..line]);
    }

    [GeneratedRegex(@"\bTensor\?? (\w+)[,)]", RegexOptions.None, 5000)]
    private static partial Regex TensorParameter();
}
