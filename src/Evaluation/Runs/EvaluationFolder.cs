using System.Text.Json;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Evaluation;

/// <summary>What to do with a folder that already holds an evaluation.</summary>
public enum UsedFolder
{
    /// <summary>Refuse.</summary>
    Refuse,

    /// <summary>Go on.</summary>
    Resume,

    /// <summary>Start anew.</summary>
    Overwrite,
}

/// <summary>
/// The files of one model's evaluation: answers, losses, and beside them what they were made with, so that an evaluation is continued
/// only with the same data, model, adapter and settings.
/// </summary>
public static class EvaluationFolder
{
    /// <summary>Name of the file with the answers.</summary>
    public const string AnswersName = "predictions.jsonl";

    /// <summary>Name of the file with the losses.</summary>
    public const string LossesName = "losses.jsonl";

    /// <summary>Name of the file that says what they were made with.</summary>
    public const string IdentityName = "evaluation.json";

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    /// <summary>Prepares the folder.</summary>
    /// <param name="folder">Made if it does not exist.</param>
    /// <param name="identity">What answers and losses depend on, by name.</param>
    /// <param name="used">What to do if it holds an evaluation.</param>
    /// <exception cref="InvalidDataException">It holds one that is not to be replaced, or that was made with something else.</exception>
    public static void Prepare(string folder, IReadOnlyDictionary<string, string> identity, UsedFolder used)
    {
        string path = Path.Combine(folder, IdentityName);
        string[] files = [path, Path.Combine(folder, AnswersName), Path.Combine(folder, LossesName)];
        if (used == UsedFolder.Overwrite)
        {
            Array.ForEach(files, file =>
            {
                if (File.Exists(file))
                {
                    File.Delete(file);
                }
            });
        }
        else if (used == UsedFolder.Refuse && files.Any(File.Exists))
        {
            throw new InvalidDataException($"{folder}: already holds an evaluation. Continue it with --resume, replace it with --overwrite, or choose another folder with --output.");
        }
        else if (File.Exists(path))
        {
            Compare(path, Read(path), identity);
            return;
        }
        else if (files.Any(File.Exists))
        {
            throw new InvalidDataException($"{folder}: {IdentityName} is missing, so nobody knows what the answers there were made with. Replace them with --overwrite.");
        }

        Directory.CreateDirectory(folder);
        AtomicFile.WriteText(path, JsonSerializer.Serialize(identity, Json) + "\n");
    }

    private static void Compare(string path, Dictionary<string, string> made, IReadOnlyDictionary<string, string> now)
    {
        string[] different = [.. now.Keys.Union(made.Keys).Where(key => made.GetValueOrDefault(key) != now.GetValueOrDefault(key))];
        if (different.Length > 0)
        {
            string key = different[0];
            throw new InvalidDataException(
                $"{path}: the answers there were made with another {string.Join(", ", different)} ({key} was '{made.GetValueOrDefault(key, "absent")}', now it is '{now.GetValueOrDefault(key, "absent")}'). Continue with the same settings, start anew with --overwrite, or choose another folder with --output.");
        }
    }

    private static Dictionary<string, string> Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(path), Json) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}. Start anew with --overwrite.", e);
        }
    }
}
