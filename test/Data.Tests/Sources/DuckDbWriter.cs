using Lorikeet.Data.Sources.Interop;
using static Lorikeet.Data.Sources.Interop.DuckDbNative;

namespace Lorikeet.Data.Tests.Sources;

/// <summary>Writes Parquet files for tests.</summary>
internal static unsafe class DuckDbWriter
{
    public static void Write(string query, string path, string options)
    {
        DuckDbLibrary.EnsureLoaded();
        Assert.Equal(0, duckdb_create_config(out nint config));
        Assert.Equal(0, duckdb_open_ext(":memory:", out nint database, config, out _));
        Assert.Equal(0, duckdb_connect(database, out nint connection));
        int state = duckdb_query(connection, $"COPY ({query}) TO {DuckDbSession.Literal(path)} (FORMAT parquet, {options})", out Result result);
        string? error = System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)duckdb_result_error(ref result));
        duckdb_destroy_result(ref result);
        duckdb_disconnect(ref connection);
        duckdb_close(ref database);
        duckdb_destroy_config(ref config);
        Assert.True(state == 0, error);
    }
}
