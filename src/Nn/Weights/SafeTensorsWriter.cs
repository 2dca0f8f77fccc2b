using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Lorikeet.Nn.Weights;

/// <summary>
/// Writes safetensors files: atomically, tensor by tensor, and with the same bytes for the same tensors whatever order they come in
/// (largest dtype first, then by name; metadata by key; header padded with spaces to 8 bytes).
/// Source: <c>serialize</c> of the safetensors crate, whose files this equals byte for byte, but for the order of metadata, which is
/// random there.
/// </summary>
public static class SafeTensorsWriter
{
    /// <summary>Creates or replaces the file <paramref name="path"/>.</summary>
    /// <exception cref="InvalidDataException">A name is used twice or is reserved, a shape has no size, or the header grows too long.</exception>
    public static void Write(string path, IReadOnlyList<TensorEntry> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        TensorEntry[] ordered = Order(path, tensors);
        byte[] header = Header(path, ordered, metadata);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (TensorEntry tensor in ordered)
            {
                var bounded = new ExactLengthStream(stream, tensor.ByteLength, $"{path}: tensor '{tensor.Name}'");
                tensor.WriteTo(bounded);
                bounded.Finish();
            }
        });
    }

    private static TensorEntry[] Order(string path, IReadOnlyList<TensorEntry> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (TensorEntry tensor in tensors)
        {
            if (tensor.Name == "__metadata__" || !names.Add(tensor.Name))
            {
                throw new InvalidDataException($"{path}: the tensor name '{tensor.Name}' is " + (tensor.Name == "__metadata__" ? "reserved." : "used twice."));
            }
        }

        TensorEntry[] ordered = [.. tensors];
        Array.Sort(ordered, (a, b) => a.DType != b.DType ? b.DType.CompareTo(a.DType) : CompareUtf8(a.Name, b.Name));
        return ordered;
    }

    private static byte[] Header(string path, TensorEntry[] ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        var json = new StringBuilder("{");
        if (metadata is { Count: > 0 })
        {
            json.Append("\"__metadata__\":{");
            string[] keys = [.. metadata.Keys];
            Array.Sort(keys, CompareUtf8);
            for (int i = 0; i < keys.Length; i++)
            {
                AppendString(json.Append(i == 0 ? "" : ","), keys[i]);
                AppendString(json.Append(':'), metadata[keys[i]]);
            }

            json.Append('}');
        }

        long begin = 0;
        foreach (TensorEntry tensor in ordered)
        {
            long end = checked(begin + tensor.ByteLength);
            AppendString(json.Append(json.Length == 1 ? "" : ","), tensor.Name);
            json.Append(CultureInfo.InvariantCulture, $":{{\"dtype\":\"{tensor.DType.Name()}\",\"shape\":[");
            json.AppendJoin(',', tensor.Shape.Select(d => d.ToString(CultureInfo.InvariantCulture)));
            json.Append(CultureInfo.InvariantCulture, $"],\"data_offsets\":[{begin},{end}]}}");
            begin = end;
        }

        json.Append('}');
        int bytes = Encoding.UTF8.GetByteCount(json.ToString());
        json.Append(' ', (8 - (bytes % 8)) % 8);
        byte[] header = Encoding.UTF8.GetBytes(json.ToString());
        return header.Length <= SafeTensorsHeader.MaxHeaderBytes
            ? header
            : throw new InvalidDataException($"{path}: the header would have {header.Length} bytes; at most {SafeTensorsHeader.MaxHeaderBytes} are readable.");
    }

    /// <summary>JSON string with only the escapes that JSON requires, as serde_json writes it.</summary>
    private static void AppendString(StringBuilder json, string text)
    {
        json.Append('"');
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => json.Append("\\\""),
                '\\' => json.Append("\\\\"),
                '\b' => json.Append("\\b"),
                '\f' => json.Append("\\f"),
                '\n' => json.Append("\\n"),
                '\r' => json.Append("\\r"),
                '\t' => json.Append("\\t"),
                < ' ' => json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => json.Append(c),
            };
        }

        json.Append('"');
    }

    // Order of the UTF-8 bytes; ordinal UTF-16 order differs above U+FFFF.
    private static int CompareUtf8(string a, string b) => Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b));
}
