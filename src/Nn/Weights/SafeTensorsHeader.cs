using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Lorikeet.Nn.Weights;

/// <summary>
/// Reads and checks the header of a safetensors file: 8 bytes of little-endian length N, N bytes of JSON, then the data. The tensors
/// must cover the data section exactly: no gap, no overlap, nothing behind the last one.
/// Source: the safetensors format description; stricter than its crate in refusing duplicate keys.
/// </summary>
internal sealed class SafeTensorsHeader
{
    /// <summary>Longest header accepted, in bytes; the limit of the safetensors crate.</summary>
    public const long MaxHeaderBytes = 100_000_000;

    private const string MetadataKey = "__metadata__";

    private readonly string _file;
    private readonly long _dataLength;
    private readonly Dictionary<string, TensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private SafeTensorsHeader(string file, long dataStart, long dataLength)
    {
        _file = file;
        DataStart = dataStart;
        _dataLength = dataLength;
    }

    /// <summary>Offset of the data section in the file, in bytes.</summary>
    public long DataStart { get; }

    public IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Reads the header from the start of <paramref name="stream"/>; <paramref name="file"/> is the name for messages.</summary>
    public static SafeTensorsHeader Read(Stream stream, string file)
    {
        long fileLength = stream.Length;
        if (fileLength < 8)
        {
            throw Bad(file, $"the file has {fileLength} bytes; expected at least 8 (the header length). The file is truncated or not a safetensors file");
        }

        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes)
        {
            throw Bad(file, $"the header length says {length} bytes; expected at most {MaxHeaderBytes}. The file is damaged or not a safetensors file");
        }

        if ((long)length > fileLength - 8)
        {
            throw Bad(file, $"the header length says {length} bytes, but only {fileLength - 8} follow. The file is truncated or damaged; fetch it again");
        }

        byte[] json = new byte[(int)length];
        stream.ReadExactly(json);
        var header = new SafeTensorsHeader(file, 8 + (long)length, fileLength - 8 - (long)length);
        header.Parse(json);
        header.CheckCoverage();
        return header;
    }

    private void Parse(byte[] json)
    {
        if (json.Length == 0 || json[0] != (byte)'{')
        {
            throw Bad(_file, "the header does not begin with '{'; expected a JSON object. The file is damaged or not a safetensors file");
        }

        if (!Utf8.IsValid(json))
        {
            throw Bad(_file, "the header is not valid UTF-8. The file is damaged or not a safetensors file");
        }

        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            var names = new HashSet<string>(StringComparer.Ordinal);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!names.Add(name))
                {
                    throw Bad(_file, $"the header has the key '{name}' twice");
                }

                reader.Read();
                if (name == MetadataKey)
                {
                    ReadMetadata(ref reader);
                }
                else
                {
                    ReadTensor(ref reader, name);
                }
            }

            // Anything but white space behind the object makes this throw.
            reader.Read();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escaped lone surrogate, which has no text.
            throw Bad(_file, $"the header is not valid JSON: {error.Message}", error);
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Bad(_file, $"'{MetadataKey}' is a JSON {Word(reader.TokenType)}; expected an object of strings");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                throw Bad(_file, $"'{MetadataKey}.{key}' is a JSON {Word(reader.TokenType)}; expected a string");
            }

            if (!_metadata.TryAdd(key, reader.GetString()!))
            {
                throw Bad(_file, $"'{MetadataKey}' has the key '{key}' twice");
            }
        }
    }

    private void ReadTensor(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw BadTensor(name, $"its entry is a JSON {Word(reader.TokenType)}; expected an object with dtype, shape and data_offsets");
        }

        SafeDType? dtype = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            reader.Read();
            switch (field)
            {
                case "dtype" when dtype is null:
                    dtype = ReadDType(ref reader, name);
                    break;
                case "shape" when shape is null:
                    shape = ReadIntegers(ref reader, name, field);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadIntegers(ref reader, name, field);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw BadTensor(name, $"'{field}' stands there twice");
                default:
                    // The format may grow further fields; its crate skips them too.
                    reader.Skip();
                    break;
            }
        }

        if (dtype is null || shape is null || offsets is null)
        {
            string missing = dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets";
            throw BadTensor(name, $"'{missing}' is missing");
        }

        AddTensor(name, dtype.Value, shape, offsets);
    }

    private SafeDType ReadDType(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw BadTensor(name, $"'dtype' is a JSON {Word(reader.TokenType)}; expected a string such as F32");
        }

        string text = reader.GetString()!;
        return SafeDTypes.TryParse(text, out SafeDType dtype)
            ? dtype
            : throw BadTensor(name, $"'dtype' is '{text}'; expected one of {string.Join(", ", Enum.GetNames<SafeDType>())}");
    }

    private long[] ReadIntegers(ref Utf8JsonReader reader, string name, string field)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw BadTensor(name, $"'{field}' is a JSON {Word(reader.TokenType)}; expected an array of integers");
        }

        var values = new List<long>(4);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value) || value < 0)
            {
                string found = reader.TokenType == JsonTokenType.Number
                    ? System.Text.Encoding.UTF8.GetString(reader.ValueSpan)
                    : "a JSON " + Word(reader.TokenType);
                throw BadTensor(name, $"'{field}' holds {found}; expected integers from 0 to 2^63-1");
            }

            values.Add(value);
        }

        return [.. values];
    }

    private void AddTensor(string name, SafeDType dtype, long[] shape, long[] offsets)
    {
        if (offsets.Length != 2)
        {
            throw BadTensor(name, $"'data_offsets' has {offsets.Length} numbers; expected 2 (begin, end)");
        }

        (long begin, long end) = (offsets[0], offsets[1]);
        if (begin > end || end > _dataLength)
        {
            throw BadTensor(name, $"'data_offsets' is [{begin}, {end}]; expected a range within the {_dataLength} data bytes of the file. The file is truncated or damaged; fetch it again");
        }

        string described = dtype.Name() + " " + TensorInfo.ShapeText(shape);
        if (!dtype.TryByteLength(shape, out long bytes))
        {
            throw BadTensor(name, $"{described} has no size in whole bytes below 2^63");
        }

        if (bytes != end - begin)
        {
            throw BadTensor(name, $"{described} takes {bytes} bytes, but 'data_offsets' [{begin}, {end}] span {end - begin}");
        }

        _tensors.Add(name, new TensorInfo(name, dtype, shape, begin, end));
    }

    private void CheckCoverage()
    {
        TensorInfo[] ordered = [.. _tensors.Values];
        Array.Sort(ordered, (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long position = 0;
        string? previous = null;
        foreach (TensorInfo tensor in ordered)
        {
            if (tensor.Begin < position)
            {
                throw BadTensor(tensor.Name, $"it begins at data byte {tensor.Begin} and overlaps tensor '{previous}', which ends at {position}");
            }

            if (tensor.Begin > position)
            {
                throw BadTensor(tensor.Name, $"it begins at data byte {tensor.Begin}; expected {position} (bytes {position} to {tensor.Begin} belong to no tensor)");
            }

            (position, previous) = (tensor.End, tensor.Name);
        }

        if (position != _dataLength)
        {
            throw Bad(_file, $"the tensors end at data byte {position}, but the file has {_dataLength} data bytes: {_dataLength - position} trailing bytes belong to no tensor");
        }
    }

    private static string Word(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "object",
        JsonTokenType.StartArray => "array",
        JsonTokenType.True or JsonTokenType.False => "boolean",
        JsonTokenType.Null => "null",
        _ => token.ToString().ToLowerInvariant(),
    };

    private InvalidDataException BadTensor(string name, string what) => Bad(_file, $"tensor '{name}': {what}");

    private static InvalidDataException Bad(string file, FormattableString what) => Bad(file, what.ToString(CultureInfo.InvariantCulture));

    private static InvalidDataException Bad(string file, string what, Exception? inner = null) => new($"{file}: {what}.", inner);
}
