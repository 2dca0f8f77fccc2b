namespace Lorikeet.Data;

/// <summary>What is wrong with a row, besides the words of the message.</summary>
public enum RowFault
{
    /// <summary>Keys are missing, of another type than expected, or not known.</summary>
    Format,

    /// <summary>The row itself cannot be read: broken JSON, text that is not UTF-8, another number of fields than the header has.</summary>
    Unreadable,

    /// <summary>A role is missing or unknown, or speakers do not take turns as they should.</summary>
    Roles,

    /// <summary>An answer is empty.</summary>
    EmptyAnswer,

    /// <summary>A message other than an answer is empty.</summary>
    EmptyMessage,

    /// <summary>Pictures and their places differ in number, or a place is where no picture may be.</summary>
    ImagePlaces,

    /// <summary>A picture's file does not exist.</summary>
    MissingImage,

    /// <summary>A picture is given in a way that cannot be used: an address, broken base64, a path out of the image root.</summary>
    ImageReference,

    /// <summary>Not the row but the whole file: it changed while in use.</summary>
    File,
}

/// <summary>Attaches a <see cref="RowFault"/> to the exception that tells of it, and finds it there.</summary>
public static class RowFaults
{
    private const string Key = "Lorikeet.RowFault";

    /// <summary>What an error of <see cref="Dataset.Read"/> is about; <see cref="RowFault.Format"/> where nothing more is known.</summary>
    public static RowFault Of(InvalidDataException error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error.Data[Key] is RowFault fault ? fault : RowFault.Format;
    }

    internal static InvalidDataException As(this InvalidDataException error, RowFault fault)
    {
        error.Data[Key] = fault;
        return error;
    }
}
