using System.Text;

namespace Lorikeet.Training.Config.Binding;

/// <summary>The spelling of keys: LearningRate is learning_rate.</summary>
internal static class SnakeCase
{
    public static string From(string pascalCase)
    {
        var name = new StringBuilder(pascalCase.Length + 8);
        foreach (char c in pascalCase)
        {
            if (char.IsAsciiLetterUpper(c) && name.Length > 0)
            {
                name.Append('_');
            }

            name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }
}
