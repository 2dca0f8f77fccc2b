namespace Lorikeet.Nn.Weights;

/// <summary>
/// The weights of a model directory as one set, be they in <c>model.safetensors</c> or in shards with an index. Every file is mapped and
/// checked on opening, and the index must agree with what the shards hold.
/// </summary>
public sealed class WeightSet : IDisposable
{
    private const string SingleName = "model.safetensors";

    private readonly Dictionary<string, SafeTensorsFile> _fileOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private readonly List<SafeTensorsFile> _files = [];

    private WeightSet(string path) => Path = path;

    /// <summary>The path as given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>All tensors by key.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    /// <summary>Metadata of the files; where shards differ, the first shard's value.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>The files of the set, in name order.</summary>
    public IReadOnlyList<SafeTensorsFile> Files => _files;

    /// <summary>Bytes of all tensors.</summary>
    public long ByteLength => _tensors.Values.Sum(t => t.ByteLength);

    /// <summary>Opens a model directory (a single file is preferred to an index, as transformers does) or one safetensors file.</summary>
    /// <exception cref="InvalidDataException">
    /// Nothing to open, a damaged file, a missing shard, a tensor that is not in the shard the index names, or one the index omits.
    /// </exception>
    public static WeightSet Open(string path)
    {
        var set = new WeightSet(path);
        try
        {
            set.Load(path);
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>Whether a model directory holds weights. An index without any of its shards is a description, not weights.</summary>
    /// <exception cref="InvalidDataException">The index is damaged.</exception>
    public static bool IsIn(string directory)
    {
        string index = System.IO.Path.Combine(directory, WeightIndex.FileName);
        return File.Exists(System.IO.Path.Combine(directory, SingleName))
            || (File.Exists(index) && WeightIndex.Read(index).Values.Distinct(StringComparer.Ordinal).Any(shard => File.Exists(System.IO.Path.Combine(directory, shard))));
    }

    /// <summary>Whether the set has a tensor of this name.</summary>
    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <summary>The tensor's header entry.</summary>
    /// <exception cref="InvalidDataException">The set has no such tensor.</exception>
    public TensorInfo Info(string name) => FileOf(name).Info(name);

    /// <summary>The file that holds the tensor.</summary>
    /// <exception cref="InvalidDataException">The set has no such tensor.</exception>
    public SafeTensorsFile FileOf(string name) => _fileOf.TryGetValue(name, out SafeTensorsFile? file)
        ? file
        : throw new InvalidDataException($"{Path}: tensor '{name}' is missing (the model has {_tensors.Count} tensors).");

    /// <inheritdoc cref="SafeTensorsFile.Forget"/>
    public void Forget(string name) => FileOf(name).Forget(name);

    /// <inheritdoc cref="SafeTensorsFile.Pointer"/>
    public nint Pointer(string name) => FileOf(name).Pointer(name);

    /// <inheritdoc cref="SafeTensorsFile.Bytes(string)"/>
    public ReadOnlySpan<byte> Bytes(string name) => FileOf(name).Bytes(name);

    /// <inheritdoc cref="SafeTensorsFile.ReadF32"/>
    public float[] ReadF32(string name) => FileOf(name).ReadF32(name);

    /// <inheritdoc cref="SafeTensorsFile.ReadI64"/>
    public long[] ReadI64(string name) => FileOf(name).ReadI64(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafeTensorsFile file in _files)
        {
            file.Dispose();
        }
    }

    private void Load(string path)
    {
        if (!Directory.Exists(path))
        {
            Add(SafeTensorsFile.Open(path));
            return;
        }

        string single = System.IO.Path.Combine(path, SingleName);
        string index = System.IO.Path.Combine(path, WeightIndex.FileName);
        if (File.Exists(single))
        {
            Add(SafeTensorsFile.Open(single));
        }
        else if (File.Exists(index))
        {
            LoadShards(path, index);
        }
        else
        {
            throw Nothing(path);
        }
    }

    private void LoadShards(string directory, string index)
    {
        Dictionary<string, string> expected = WeightIndex.Read(index);
        foreach (string shard in expected.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            string path = System.IO.Path.Combine(directory, shard);
            if (!File.Exists(path))
            {
                string example = expected.First(e => e.Value == shard).Key;
                throw new InvalidDataException($"{path}: the shard is missing, although {index} places tensor '{example}' in it. Fetch the whole model again.");
            }

            SafeTensorsFile file = SafeTensorsFile.Open(path);
            _files.Add(file);
            CheckShard(index, file, shard, expected);
            Merge(file);
        }

        foreach ((string name, string shard) in expected)
        {
            if (!_tensors.ContainsKey(name))
            {
                throw new InvalidDataException($"{System.IO.Path.Combine(directory, shard)}: tensor '{name}' is missing, although {index} places it there.");
            }
        }
    }

    private static void CheckShard(string index, SafeTensorsFile file, string shard, Dictionary<string, string> expected)
    {
        foreach (string name in file.Tensors.Keys)
        {
            if (!expected.TryGetValue(name, out string? place))
            {
                throw new InvalidDataException($"{file.Path}: tensor '{name}' is not listed in {index}. Index and shards are not of the same model; fetch both again.");
            }

            if (place != shard)
            {
                throw new InvalidDataException($"{file.Path}: tensor '{name}' lies here, but {index} places it in '{place}'. Index and shards are not of the same model; fetch both again.");
            }
        }
    }

    private void Add(SafeTensorsFile file)
    {
        _files.Add(file);
        Merge(file);
    }

    private void Merge(SafeTensorsFile file)
    {
        foreach ((string name, TensorInfo info) in file.Tensors)
        {
            _tensors.Add(name, info);
            _fileOf.Add(name, file);
        }

        foreach ((string key, string value) in file.Metadata)
        {
            _metadata.TryAdd(key, value);
        }
    }

    private static InvalidDataException Nothing(string directory)
    {
        string? other = Directory.EnumerateFiles(directory)
            .Select(System.IO.Path.GetFileName)
            .Where(f => f!.EndsWith(".bin", StringComparison.Ordinal) || f.EndsWith(".pt", StringComparison.Ordinal) || f.EndsWith(".pth", StringComparison.Ordinal) || f.EndsWith(".gguf", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .FirstOrDefault();
        string hint = other is null
            ? "Give the directory of a Hugging Face model."
            : $"It has '{other}', a format that is not read here; convert the model to safetensors.";
        return new InvalidDataException($"{directory}: no weights found; expected {SingleName} or {WeightIndex.FileName}. {hint}");
    }
}
