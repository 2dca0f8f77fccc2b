using System.Runtime.InteropServices;

namespace Lorikeet.Data.Sources.Interop;

/// <summary>
/// Finds libduckdb, which reads Parquet files. It is optional: looked for where the system keeps libraries, beside the program, and in
/// <c>artifacts/native</c> of the checkout that the program was built in.
/// </summary>
internal static unsafe class DuckDbLibrary
{
    /// <summary>The library's name in the imports.</summary>
    public const string Name = "duckdb";

    /// <summary>What a message about a missing library ends with.</summary>
    public const string HowToInstall = "Type once, in Lorikeet's folder: eng/native.sh duckdb";

    private static readonly Version Oldest = new(1, 3);
    private static readonly Lazy<(nint Handle, string Found)> Loaded = new(Find);
    private static readonly Lazy<string> Checked = new(Check);

    /// <summary>Loads the library once and returns its version, such as v1.5.6.</summary>
    /// <exception cref="DllNotFoundException">It is missing, or too old to shut files and extensions off.</exception>
    public static string EnsureLoaded() => Checked.Value;

    private static string Check()
    {
        if (Loaded.Value.Handle == 0)
        {
            throw new DllNotFoundException($"libduckdb, which reads Parquet files, was not found. {HowToInstall}");
        }

        NativeLibrary.SetDllImportResolver(typeof(DuckDbLibrary).Assembly, static (name, _, _) => name == Name ? Loaded.Value.Handle : 0);
        string version = Marshal.PtrToStringUTF8((nint)DuckDbNative.duckdb_library_version()) ?? "";
        return Version.TryParse(version.TrimStart('v').Split('-')[0], out Version? number) && number >= Oldest
            ? version
            : throw new DllNotFoundException($"{Loaded.Value.Found} is DuckDB {version}; {Oldest} or later is needed. {HowToInstall}");
    }

    private static (nint Handle, string Found) Find()
    {
        foreach (string place in Places())
        {
            if (NativeLibrary.TryLoad(place, out nint handle))
            {
                return (handle, place);
            }
        }

        return (0, "");
    }

    private static IEnumerable<string> Places()
    {
        string file = OperatingSystem.IsWindows() ? "duckdb.dll" : OperatingSystem.IsMacOS() ? "libduckdb.dylib" : "libduckdb.so";
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (folder.Name == "artifacts")
            {
                yield return Path.Combine(folder.FullName, "native", file);
            }
        }

        yield return Path.Combine(AppContext.BaseDirectory, file);
        yield return file;
        yield return "/usr/local/lib/" + file;
    }
}
