using System.Runtime.InteropServices;
using static Lorikeet.Data.Sources.Interop.DuckDbNative;

namespace Lorikeet.Data.Sources.Interop;

/// <summary>
/// A DuckDB in memory that may read the given files and nothing else: no other file, no network, no extension beyond those built in, one
/// thread, bounded memory. For one thread at a time.
/// </summary>
internal sealed unsafe class DuckDbSession : IDisposable
{
    private nint _database;
    private nint _connection;

    public DuckDbSession(IReadOnlyList<string> files)
    {
        DuckDbLibrary.EnsureLoaded();
        try
        {
            Open();
            Run($"SET allowed_paths = [{string.Join(", ", files.SelectMany(f => new[] { Literal(f), PathLiteral(f) }).Distinct())}]");
            Run("SET parquet_metadata_cache = true");

            // Every block is read once; what DuckDB would keep of the file fills its memory for nothing.
            Run("SET enable_external_file_cache = false");
            Run("SET enable_external_access = false");
            Run("SET lock_configuration = true");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A text as SQL.</summary>
    public static string Literal(string text) => "'" + text.Replace("'", "''", StringComparison.Ordinal) + "'";

    /// <summary>A column's name as SQL.</summary>
    public static string Identifier(string name) => "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    /// <summary>A path as SQL, such that signs of patterns in it stand for themselves.</summary>
    public static string PathLiteral(string path) => Literal(string.Concat(path.Select(c => c is '*' or '?' or '[' ? $"[{c}]" : c.ToString())));

    /// <summary>The columns of a query's result.</summary>
    public IReadOnlyList<DuckDbType> Columns(string sql)
    {
        Result result = Query(sql);
        try
        {
            return ColumnsOf(ref result);
        }
        finally
        {
            duckdb_destroy_result(ref result);
        }
    }

    /// <summary>Calls back for each row of a query's result, with the columns of its chunk and its place in them.</summary>
    public void ForEach(string sql, Action<IReadOnlyList<DuckDbType>, DuckDbVector[], ulong> row, CancellationToken cancellation)
    {
        Result result = Query(sql);
        try
        {
            IReadOnlyList<DuckDbType> columns = ColumnsOf(ref result);
            for (nint chunk = duckdb_fetch_chunk(result); chunk != 0; chunk = duckdb_fetch_chunk(result))
            {
                try
                {
                    cancellation.ThrowIfCancellationRequested();
                    DuckDbVector[] vectors = [.. columns.Select((type, i) => new DuckDbVector(type, duckdb_data_chunk_get_vector(chunk, (ulong)i)))];
                    ulong count = duckdb_data_chunk_get_size(chunk);
                    for (ulong i = 0; i < count; i++)
                    {
                        row(columns, vectors, i);
                    }
                }
                finally
                {
                    duckdb_destroy_data_chunk(ref chunk);
                }
            }
        }
        finally
        {
            duckdb_destroy_result(ref result);
        }
    }

    public void Dispose()
    {
        if (_connection != 0)
        {
            duckdb_disconnect(ref _connection);
        }

        if (_database != 0)
        {
            duckdb_close(ref _database);
        }
    }

    /// <summary>Runs a statement without a result.</summary>
    internal void Run(string sql)
    {
        Result result = Query(sql);
        duckdb_destroy_result(ref result);
    }

    private void Open()
    {
        if (duckdb_create_config(out nint config) != 0)
        {
            throw new InvalidOperationException("DuckDB has no memory for its settings");
        }

        try
        {
            // What a data set from elsewhere could make it do is shut off before anything is opened.
            foreach ((string name, string value) in new[]
            {
                ("threads", "1"), ("memory_limit", "1GB"), ("temp_directory", ""), ("autoinstall_known_extensions", "false"),
                ("autoload_known_extensions", "false"), ("allow_community_extensions", "false"),
            })
            {
                if (duckdb_set_config(config, name, value) != 0)
                {
                    throw new InvalidOperationException($"DuckDB {DuckDbLibrary.EnsureLoaded()} does not know the setting {name}. {DuckDbLibrary.HowToInstall}");
                }
            }

            if (duckdb_open_ext(":memory:", out _database, config, out byte* error) != 0)
            {
                string message = Marshal.PtrToStringUTF8((nint)error) ?? "no reason given";
                duckdb_free(error);
                throw new InvalidOperationException($"DuckDB could not be started: {message}");
            }
        }
        finally
        {
            duckdb_destroy_config(ref config);
        }

        if (duckdb_connect(_database, out _connection) != 0)
        {
            throw new InvalidOperationException("DuckDB could not be started");
        }
    }

    private Result Query(string sql)
    {
        if (duckdb_query(_connection, sql, out Result result) == 0)
        {
            return result;
        }

        string message = Marshal.PtrToStringUTF8((nint)duckdb_result_error(ref result)) ?? "no reason given";
        duckdb_destroy_result(ref result);
        throw new DuckDbException(message);
    }

    private static DuckDbType[] ColumnsOf(ref Result result)
    {
        var columns = new DuckDbType[duckdb_column_count(ref result)];
        for (int i = 0; i < columns.Length; i++)
        {
            string name = Marshal.PtrToStringUTF8((nint)duckdb_column_name(ref result, (ulong)i))!;
            columns[i] = DuckDbType.Take(duckdb_column_logical_type(ref result, (ulong)i), name);
        }

        return columns;
    }
}

/// <summary>A statement failed; the message is DuckDB's.</summary>
internal sealed class DuckDbException(string message) : Exception(message);
