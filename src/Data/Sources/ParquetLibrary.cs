using Lorikeet.Data.Sources.Interop;

namespace Lorikeet.Data.Sources;

/// <summary>The library that reads Parquet files: whether this machine has it.</summary>
public static class ParquetLibrary
{
    /// <summary>What to type where it is missing.</summary>
    public const string HowToInstall = DuckDbLibrary.HowToInstall;

    /// <summary>The version of libduckdb, or null and why it cannot be used.</summary>
    public static (string? Version, string? Problem) Find()
    {
        try
        {
            return (DuckDbLibrary.EnsureLoaded(), null);
        }
        catch (DllNotFoundException error)
        {
            return (null, error.Message);
        }
    }
}
