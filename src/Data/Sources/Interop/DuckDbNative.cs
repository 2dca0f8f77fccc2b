using System.Runtime.InteropServices;

namespace Lorikeet.Data.Sources.Interop;

/// <summary>The part of DuckDB's C API that reading Parquet files needs. Objects are opaque handles, freed by the function that takes their address.</summary>
internal static unsafe partial class DuckDbNative
{
    private const string DuckDb = DuckDbLibrary.Name;

    /// <summary>A duckdb_result: five fields that are out of use, and the result proper.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Result
    {
        public ulong ColumnCount;
        public ulong RowCount;
        public ulong RowsChanged;
        public nint Columns;
        public nint ErrorMessage;
        public nint Internal;
    }

    /// <summary>A duckdb_string_t: up to 12 bytes in place, longer ones by address.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 16)]
    public struct Text
    {
        [FieldOffset(0)]
        public uint Length;

        [FieldOffset(4)]
        public byte Inlined;

        [FieldOffset(8)]
        public byte* Pointer;
    }

    /// <summary>A duckdb_list_entry: where a list's items lie in the child vector.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ListEntry
    {
        public ulong Offset;
        public ulong Length;
    }

    [LibraryImport(DuckDb)]
    public static partial byte* duckdb_library_version();

    [LibraryImport(DuckDb)]
    public static partial int duckdb_create_config(out nint config);

    [LibraryImport(DuckDb, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_set_config(nint config, string name, string option);

    [LibraryImport(DuckDb)]
    public static partial void duckdb_destroy_config(ref nint config);

    [LibraryImport(DuckDb, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_open_ext(string path, out nint database, nint config, out byte* error);

    [LibraryImport(DuckDb)]
    public static partial void duckdb_close(ref nint database);

    [LibraryImport(DuckDb)]
    public static partial int duckdb_connect(nint database, out nint connection);

    [LibraryImport(DuckDb)]
    public static partial void duckdb_disconnect(ref nint connection);

    [LibraryImport(DuckDb, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int duckdb_query(nint connection, string query, out Result result);

    [LibraryImport(DuckDb)]
    public static partial void duckdb_destroy_result(ref Result result);

    [LibraryImport(DuckDb)]
    public static partial byte* duckdb_result_error(ref Result result);

    [LibraryImport(DuckDb)]
    public static partial ulong duckdb_column_count(ref Result result);

    [LibraryImport(DuckDb)]
    public static partial byte* duckdb_column_name(ref Result result, ulong column);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_column_logical_type(ref Result result, ulong column);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_fetch_chunk(Result result);

    [LibraryImport(DuckDb)]
    public static partial ulong duckdb_data_chunk_get_size(nint chunk);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_data_chunk_get_vector(nint chunk, ulong column);

    [LibraryImport(DuckDb)]
    public static partial void duckdb_destroy_data_chunk(ref nint chunk);

    [LibraryImport(DuckDb)]
    public static partial void* duckdb_vector_get_data(nint vector);

    [LibraryImport(DuckDb)]
    public static partial ulong* duckdb_vector_get_validity(nint vector);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_list_vector_get_child(nint vector);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_array_vector_get_child(nint vector);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_struct_vector_get_child(nint vector, ulong index);

    [LibraryImport(DuckDb)]
    public static partial int duckdb_get_type_id(nint type);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_list_type_child_type(nint type);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_array_type_child_type(nint type);

    [LibraryImport(DuckDb)]
    public static partial ulong duckdb_array_type_array_size(nint type);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_map_type_key_type(nint type);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_map_type_value_type(nint type);

    [LibraryImport(DuckDb)]
    public static partial ulong duckdb_struct_type_child_count(nint type);

    [LibraryImport(DuckDb)]
    public static partial byte* duckdb_struct_type_child_name(nint type, ulong index);

    [LibraryImport(DuckDb)]
    public static partial nint duckdb_struct_type_child_type(nint type, ulong index);

    [LibraryImport(DuckDb)]
    public static partial void duckdb_destroy_logical_type(ref nint type);

    [LibraryImport(DuckDb)]
    public static partial void duckdb_free(void* pointer);
}
