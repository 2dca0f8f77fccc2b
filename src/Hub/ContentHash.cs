using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Lorikeet.Hub;

/// <summary>The hashes that the hub names contents by: SHA-256 for large files, git's blob hash (SHA-1) for small ones.</summary>
internal static class ContentHash
{
    private const int BufferBytes = 1 << 20;

    /// <summary>True if a blob's name is a hash of its content, so that it can be checked.</summary>
    public static bool IsHash(string blobName) => blobName.Length is 40 or 64 && blobName.All(char.IsAsciiHexDigitLower);

    /// <summary>The hash of a file, of the kind that <paramref name="blobName"/> has.</summary>
    /// <param name="path">The file.</param>
    /// <param name="blobName">A hash of 40 or 64 digits.</param>
    /// <param name="cancel">Ends the reading.</param>
    public static string Of(string path, string blobName, CancellationToken cancel)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        return Of(file, blobName, cancel);
    }

    /// <inheritdoc cref="Of(string, string, CancellationToken)"/>
    public static string Of(SafeFileHandle file, string blobName, CancellationToken cancel)
    {
        bool isGit = blobName.Length == 40;
        using var hash = IncrementalHash.CreateHash(isGit ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256);
        if (isGit)
        {
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {RandomAccess.GetLength(file)}\0")));
        }

        byte[] buffer = new byte[BufferBytes];
        long at = 0;
        for (int read; (read = RandomAccess.Read(file, buffer, at)) > 0; at += read)
        {
            cancel.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
