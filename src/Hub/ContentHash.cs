using System.Globalization;
using System.Security.Cryptography;
using System.Text;

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
    public static async Task<string> Of(string path, string blobName, CancellationToken cancel)
    {
        bool isGit = blobName.Length == 40;
        using var hash = IncrementalHash.CreateHash(isGit ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256);
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        await using (file.ConfigureAwait(false))
        {
            if (isGit)
            {
                hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Length}\0")));
            }

            byte[] buffer = new byte[BufferBytes];
            for (int read; (read = await file.ReadAsync(buffer, cancel).ConfigureAwait(false)) > 0;)
            {
                hash.AppendData(buffer, 0, read);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
