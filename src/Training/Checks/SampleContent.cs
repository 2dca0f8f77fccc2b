using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lorikeet.Data;
using Lorikeet.Text.Chat;

namespace Lorikeet.Training.Checks;

/// <summary>The identity of a sample: what is said by whom, with which pictures. Where rows and pictures lie does not matter.</summary>
internal static class SampleContent
{
    /// <summary>The first 128 bits of a SHA-256 over messages and pictures.</summary>
    /// <param name="sample">The sample.</param>
    /// <param name="pictures">Hashes of its pictures' bytes, in order, and then of its videos'.</param>
    public static UInt128 Hash(Sample sample, IEnumerable<UInt128> pictures)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ChatMessage message in sample.Messages)
        {
            Add(hash, "role", message.Role);
            foreach (ContentPart part in message.Parts ?? [new TextPart(message.PlainText ?? "")])
            {
                Add(hash, part switch { TextPart => "text", VideoPart => "video", _ => "image" }, part is TextPart text ? text.Text : "");
                AddExtra(hash, part.Extra);
            }

            AddExtra(hash, message.Extra);
        }

        Span<byte> picture = stackalloc byte[16];
        foreach (UInt128 content in pictures)
        {
            BinaryPrimitives.WriteUInt128LittleEndian(picture, content);
            hash.AppendData(picture);
        }

        return BinaryPrimitives.ReadUInt128LittleEndian(hash.GetHashAndReset());
    }

    private static void AddExtra(IncrementalHash hash, IReadOnlyDictionary<string, object?> extra)
    {
        if (extra.Count > 0)
        {
            Add(hash, "extra", JsonSerializer.Serialize(extra));
        }
    }

    // Lengths in front, so that no two contents write the same bytes.
    private static void Add(IncrementalHash hash, string what, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        hash.AppendData(Encoding.UTF8.GetBytes(what));
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
