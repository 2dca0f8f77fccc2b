using System.Text.Json;

namespace Lorikeet.Data.Sources.Interop;

/// <summary>A column of one chunk, written row by row as JSON. Valid as long as its chunk.</summary>
internal sealed unsafe class DuckDbVector
{
    private readonly DuckDbType _type;
    private readonly void* _data;
    private readonly ulong* _validity;
    private readonly DuckDbVector[] _children;

    public DuckDbVector(DuckDbType type, nint vector)
    {
        _type = type;
        _data = DuckDbNative.duckdb_vector_get_data(vector);
        _validity = DuckDbNative.duckdb_vector_get_validity(vector);
        _children = type.Id switch
        {
            DuckDbTypeId.List => [new DuckDbVector(type.Children[0], DuckDbNative.duckdb_list_vector_get_child(vector))],
            DuckDbTypeId.Array => [new DuckDbVector(type.Children[0], DuckDbNative.duckdb_array_vector_get_child(vector))],
            DuckDbTypeId.Map => [new DuckDbVector(type with { Id = DuckDbTypeId.Struct }, DuckDbNative.duckdb_list_vector_get_child(vector))],
            DuckDbTypeId.Struct => [.. type.Children.Select((child, i) => new DuckDbVector(child, DuckDbNative.duckdb_struct_vector_get_child(vector, (ulong)i)))],
            _ => [],
        };
    }

    /// <summary>The 64-bit number of a row.</summary>
    public long Number(ulong row) => ((long*)_data)[row];

    /// <summary>The bytes of a text or binary value; empty where it is null.</summary>
    public ReadOnlySpan<byte> Bytes(ulong row) => IsNull(row) ? default : Bytes((DuckDbNative.Text*)_data + row);

    /// <summary>True for a text column.</summary>
    public bool IsText => _type.Id == DuckDbTypeId.VarChar;

    /// <summary>Writes the value of a row; binary values go to the row's blobs.</summary>
    public void Write(Utf8JsonWriter json, ulong row, RowRecord record)
    {
        if (IsNull(row))
        {
            json.WriteNullValue();
            return;
        }

        switch (_type.Id)
        {
            case DuckDbTypeId.VarChar:
                json.WriteStringValue(Bytes((DuckDbNative.Text*)_data + row));
                return;
            case DuckDbTypeId.Blob:
                json.WriteStringValue(record.AddBlob(Bytes((DuckDbNative.Text*)_data + row)));
                return;
            case DuckDbTypeId.List or DuckDbTypeId.Map:
                DuckDbNative.ListEntry entry = ((DuckDbNative.ListEntry*)_data)[row];
                WriteItems(json, entry.Offset, entry.Length, record);
                return;
            case DuckDbTypeId.Array:
                WriteItems(json, row * _type.ArraySize, _type.ArraySize, record);
                return;
            case DuckDbTypeId.Struct:
                json.WriteStartObject();
                for (int i = 0; i < _children.Length; i++)
                {
                    json.WritePropertyName(_type.Children[i].Name);
                    _children[i].Write(json, row, record);
                }

                json.WriteEndObject();
                return;
            default:
                WriteNumber(json, row);
                return;
        }
    }

    private void WriteItems(Utf8JsonWriter json, ulong first, ulong count, RowRecord record)
    {
        json.WriteStartArray();
        for (ulong i = first; i < first + count; i++)
        {
            _children[0].Write(json, i, record);
        }

        json.WriteEndArray();
    }

    private void WriteNumber(Utf8JsonWriter json, ulong row)
    {
        switch (_type.Id)
        {
            case DuckDbTypeId.Boolean:
                json.WriteBooleanValue(((byte*)_data)[row] != 0);
                return;
            case DuckDbTypeId.TinyInt:
                json.WriteNumberValue(((sbyte*)_data)[row]);
                return;
            case DuckDbTypeId.SmallInt:
                json.WriteNumberValue(((short*)_data)[row]);
                return;
            case DuckDbTypeId.Integer:
                json.WriteNumberValue(((int*)_data)[row]);
                return;
            case DuckDbTypeId.BigInt:
                json.WriteNumberValue(((long*)_data)[row]);
                return;
            case DuckDbTypeId.UTinyInt:
                json.WriteNumberValue(((byte*)_data)[row]);
                return;
            case DuckDbTypeId.USmallInt:
                json.WriteNumberValue(((ushort*)_data)[row]);
                return;
            case DuckDbTypeId.UInteger:
                json.WriteNumberValue(((uint*)_data)[row]);
                return;
            case DuckDbTypeId.UBigInt:
                json.WriteNumberValue(((ulong*)_data)[row]);
                return;
            case DuckDbTypeId.Float:
                WriteReal(json, ((float*)_data)[row]);
                return;
            case DuckDbTypeId.Double:
                WriteReal(json, ((double*)_data)[row]);
                return;
            default:
                json.WriteNullValue();
                return;
        }
    }

    // JSON has no number for them.
    private static void WriteReal(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteStringValue(value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    private bool IsNull(ulong row) => _validity != null && (_validity[row / 64] & (1UL << (int)(row % 64))) == 0;

    private static ReadOnlySpan<byte> Bytes(DuckDbNative.Text* text) =>
        text->Length <= 12 ? new ReadOnlySpan<byte>(&text->Inlined, (int)text->Length) : new ReadOnlySpan<byte>(text->Pointer, checked((int)text->Length));
}
