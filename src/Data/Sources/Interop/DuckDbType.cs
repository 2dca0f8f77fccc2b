using System.Runtime.InteropServices;

namespace Lorikeet.Data.Sources.Interop;

/// <summary>DuckDB's type numbers, as far as they are read directly.</summary>
internal enum DuckDbTypeId
{
    Boolean = 1,
    TinyInt = 2,
    SmallInt = 3,
    Integer = 4,
    BigInt = 5,
    UTinyInt = 6,
    USmallInt = 7,
    UInteger = 8,
    UBigInt = 9,
    Float = 10,
    Double = 11,
    VarChar = 17,
    Blob = 18,
    List = 24,
    Struct = 25,
    Map = 26,
    Array = 33,
    Null = 36,
}

/// <summary>A column's type as a tree.</summary>
/// <param name="Id">Its kind.</param>
/// <param name="Name">Name of the column or field.</param>
/// <param name="Children">Fields of a struct, key and value of a map, the item of a list or array.</param>
/// <param name="ArraySize">Items of an array.</param>
internal sealed unsafe record DuckDbType(DuckDbTypeId Id, string Name, IReadOnlyList<DuckDbType> Children, ulong ArraySize)
{
    /// <summary>Whether values are read as they are; others (dates, decimals, ...) are asked for as text.</summary>
    public bool IsReadable => Enum.IsDefined(Id) && Children.All(child => child.IsReadable);

    /// <summary>The type behind a handle, which is freed.</summary>
    public static DuckDbType Take(nint type, string name)
    {
        try
        {
            var id = (DuckDbTypeId)DuckDbNative.duckdb_get_type_id(type);
            DuckDbType[] children = id switch
            {
                DuckDbTypeId.List => [Take(DuckDbNative.duckdb_list_type_child_type(type), "")],
                DuckDbTypeId.Array => [Take(DuckDbNative.duckdb_array_type_child_type(type), "")],
                DuckDbTypeId.Map => [Take(DuckDbNative.duckdb_map_type_key_type(type), "key"), Take(DuckDbNative.duckdb_map_type_value_type(type), "value")],
                DuckDbTypeId.Struct => [.. Fields(type)],
                _ => [],
            };
            return new DuckDbType(id, name, children, id == DuckDbTypeId.Array ? DuckDbNative.duckdb_array_type_array_size(type) : 0);
        }
        finally
        {
            DuckDbNative.duckdb_destroy_logical_type(ref type);
        }
    }

    private static List<DuckDbType> Fields(nint type)
    {
        var fields = new List<DuckDbType>();
        for (ulong i = 0; i < DuckDbNative.duckdb_struct_type_child_count(type); i++)
        {
            byte* name = DuckDbNative.duckdb_struct_type_child_name(type, i);
            fields.Add(Take(DuckDbNative.duckdb_struct_type_child_type(type, i), Marshal.PtrToStringUTF8((nint)name)!));
            DuckDbNative.duckdb_free(name);
        }

        return fields;
    }
}
