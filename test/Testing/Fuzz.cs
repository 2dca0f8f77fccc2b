using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Lorikeet.Testing;

/// <summary>
/// Holds a reader to what is promised for hostile input: it reads a damaged file or refuses it with an InvalidDataException, within two
/// seconds, and allocates no more than its caps allow.
/// </summary>
public static class Fuzz
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <summary>Runs a reader over damaged inputs.</summary>
    /// <param name="count">How many.</param>
    /// <param name="mutant">Makes the input of a number.</param>
    /// <param name="read">Reads it to its end.</param>
    /// <param name="maxBytes">What one reading may allocate on its thread.</param>
    /// <returns>How many inputs were read without complaint.</returns>
    /// <exception cref="InvalidOperationException">A reading broke the promise; the message has the input.</exception>
    public static int Run(int count, Func<int, byte[]> mutant, Action<byte[]> read, long maxBytes)
    {
        int good = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] input = mutant(i);

            // Other processes may hold this one up: only what is slow three times over is slow.
            for (int attempt = 1; ; attempt++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                long began = Stopwatch.GetTimestamp();
                bool isGood = Try(i, input, read);
                TimeSpan took = Stopwatch.GetElapsedTime(began);
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                if (allocated > maxBytes)
                {
                    throw Broken(i, input, string.Create(CultureInfo.InvariantCulture, $"allocated {allocated} bytes, {maxBytes} are allowed"), null);
                }

                if (took < Limit || attempt == 3)
                {
                    good += isGood ? 1 : 0;
                    _ = took < Limit ? 0 : throw Broken(i, input, $"took {took}", null);
                    break;
                }
            }
        }

        return good;
    }

    private static bool Try(int number, byte[] input, Action<byte[]> read)
    {
        try
        {
            read(input);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
        catch (Exception other)
        {
            throw Broken(number, input, other.GetType().Name + ": " + other.Message, other);
        }
    }

    private static InvalidOperationException Broken(int number, byte[] input, string what, Exception? inner)
    {
        bool isText = input.All(b => b is >= 32 or 9 or 10 or 13);
        string shown = isText ? Encoding.UTF8.GetString(input) : Convert.ToBase64String(input);
        return new InvalidOperationException(
            string.Create(CultureInfo.InvariantCulture, $"mutant {number} ({input.Length} bytes): {what}\n{shown[..Math.Min(shown.Length, 20_000)]}\n{inner?.StackTrace}"), inner);
    }
}
