using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lorikeet.Training.Batching;

/// <summary>
/// The list of rows that were left out or changed, one JSON object per line, each row once however often it is met. Opening it again
/// goes on where an earlier process stopped.
/// </summary>
public sealed class Quarantine : IDisposable
{
    /// <summary>Name of the file in an output directory.</summary>
    public const string FileName = "quarantine.jsonl";

    private const int ToldOneByOne = 3;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _path;
    private readonly Action<string> _note;
    private readonly HashSet<(string Origin, RowAction Action)> _known = [];
    private readonly SortedDictionary<RowAction, int> _counts = [];
    private FileStream? _file;

    /// <summary>Opens the list; no file is made before there is a row to write.</summary>
    /// <param name="path">The file.</param>
    /// <param name="note">Hears of the first rows one by one.</param>
    public Quarantine(string path, Action<string> note)
    {
        _path = path;
        _note = note;
        if (File.Exists(path))
        {
            Open();
        }
    }

    /// <summary>Rows in the list.</summary>
    public int Count => _known.Count;

    /// <summary>What was done to how many rows, in a sentence; null if the list is empty.</summary>
    public string? Summary => _known.Count == 0 ? null : string.Create(
        CultureInfo.InvariantCulture,
        $"rows not used as they are: {string.Join(", ", _counts.Select(c => $"{c.Value} {c.Key.ToString().ToLowerInvariant()}"))}; the reasons are in {_path}");

    /// <summary>Adds a row unless it is in the list.</summary>
    public void Add(RowRemark remark)
    {
        ArgumentNullException.ThrowIfNull(remark);
        if (!Register(remark))
        {
            return;
        }

        _file ??= new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.Read);
        _file.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(remark, Json) + "\n"));
        _file.Flush();
        if (_known.Count <= ToldOneByOne)
        {
            _note($"{remark.Action.ToString().ToLowerInvariant()}: {(remark.Reason.StartsWith(remark.Origin, StringComparison.Ordinal) ? "" : remark.Origin + ": ")}{remark.Reason}{(_known.Count == ToldOneByOne ? $" (further rows are only listed in {_path})" : "")}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    /// <summary>Reads what is there; a line cut off by a crash is removed, its row will be met again.</summary>
    private void Open()
    {
        byte[] bytes = File.ReadAllBytes(_path);
        int whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        foreach (string line in Encoding.UTF8.GetString(bytes, 0, whole).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                Register(JsonSerializer.Deserialize<RowRemark>(line, Json) ?? throw new JsonException("expected an object"));
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{_path}: a line is no row of this list ({e.Message}). Move the file away; it is written anew.", e);
            }
        }

        if (whole < bytes.Length)
        {
            using var file = new FileStream(_path, FileMode.Open, FileAccess.Write);
            file.SetLength(whole);
        }
    }

    private bool Register(RowRemark remark)
    {
        if (!_known.Add((remark.Origin, remark.Action)))
        {
            return false;
        }

        _counts[remark.Action] = _counts.GetValueOrDefault(remark.Action) + 1;
        return true;
    }
}
