using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lorikeet.Imaging.Interop;

/// <summary>The part of the C API of libvips (and of GObject beneath it) that decoding and PNG writing need. ABI 42: libvips 8.6 and later; 8.13 is required.</summary>
internal static unsafe partial class VipsNative
{
    private const string Vips = "vips";
    private const string GObject = "gobject";
    private const string GLib = "glib";

    /// <summary>What a message about a missing libvips ends with.</summary>
    public const string HowToInstall = "Install it: apt-get install libvips42 (Debian 12), or libvips42t64 (later Debian and Ubuntu)";

    private static readonly Dictionary<string, string[]> FileNames = new()
    {
        [Vips] = ["libvips.so.42", "libvips.42.dylib", "libvips-42.dll"],
        [GObject] = ["libgobject-2.0.so.0", "libgobject-2.0.0.dylib", "libgobject-2.0-0.dll"],
        [GLib] = ["libglib-2.0.so.0", "libglib-2.0.0.dylib", "libglib-2.0-0.dll"],
    };

    private static readonly Lazy<string> Started = new(Start);

    /// <summary>A GValue: a type and 16 bytes of content.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 24)]
    public struct Value
    {
        public nuint Type;
        public long First;
        public long Second;
    }

    /// <summary>Loads and starts libvips once, and returns its version.</summary>
    /// <exception cref="DllNotFoundException">libvips is not installed.</exception>
    public static string EnsureStarted() => Started.Value;

    private static string Start()
    {
        NativeLibrary.SetDllImportResolver(typeof(VipsNative).Assembly, static (name, _, _) =>
            FileNames.TryGetValue(name, out var files) && TryLoad(files, out nint handle) ? handle : 0);
        if (!TryLoad(FileNames[Vips], out _))
        {
            throw new DllNotFoundException(
                $"libvips (libvips.so.42), which decodes pictures, was not found. {HowToInstall}");
        }
        if (vips_version(0) < 8 || (vips_version(0) == 8 && vips_version(1) < 13))
        {
            throw new DllNotFoundException($"libvips {Version()} is too old; 8.13 or later can shut its unsafe loaders. {HowToInstall}");
        }
        if (InitWithoutModules() != 0)
        {
            throw new DllNotFoundException("libvips could not be started: " + TakeError());
        }
        // Messages come back as exceptions; nothing is printed behind the caller's back.
        g_log_set_handler("VIPS", -1, &Ignore, 0);
        vips_block_untrusted_set(1);
        vips_concurrency_set(1);
        vips_cache_set_max(0);
        return Version();
    }

    private static string Version() => string.Create(CultureInfo.InvariantCulture, $"{vips_version(0)}.{vips_version(1)}.{vips_version(2)}");

    private static bool TryLoad(string[] files, out nint handle)
    {
        foreach (string file in files)
        {
            if (NativeLibrary.TryLoad(file, out handle))
            {
                return true;
            }
        }
        handle = 0;
        return false;
    }

    /// <summary>
    /// A plain start maps every optional module (ImageMagick, PDF, slides, HEIF) into the process: slower, and code that hostile files could
    /// reach. libvips looks for them below VIPSHOME, if that is set, so it points nowhere while the library starts.
    /// </summary>
    private static int InitWithoutModules()
    {
        const string Home = "VIPSHOME";
        if (g_getenv(Home) != null)
        {
            return vips_init("lorikeet");
        }
        g_setenv(Home, "/dev/null", 0);
        try
        {
            return vips_init("lorikeet");
        }
        finally
        {
            g_unsetenv(Home);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ignore(byte* domain, int level, byte* message, nint data)
    {
    }

    /// <summary>
    /// The messages libvips collected, on one line and of bounded length; the collection is emptied. It is one for the whole process:
    /// while several threads decode, a message may stand in a neighbour's exception, never go missing.
    /// </summary>
    public static string TakeError()
    {
        const int MaxLength = 300;
        byte* text = vips_error_buffer_copy();
        string message = Marshal.PtrToStringUTF8((nint)text) ?? "";
        g_free(text);
        message = string.Join("; ", message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct());
        return message.Length switch
        {
            0 => "the compressed data are damaged; save the picture anew",
            > MaxLength => message[..MaxLength] + "...",
            _ => message,
        };
    }

    [LibraryImport(Vips, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int vips_init(string argv0);

    [LibraryImport(Vips)]
    private static partial int vips_version(int flag);

    [LibraryImport(Vips)]
    private static partial void vips_block_untrusted_set(int state);

    [LibraryImport(Vips)]
    private static partial void vips_concurrency_set(int concurrency);

    [LibraryImport(Vips)]
    private static partial void vips_cache_set_max(int max);

    [LibraryImport(Vips)]
    private static partial byte* vips_error_buffer_copy();

    [LibraryImport(Vips, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint vips_operation_new(string name);

    [LibraryImport(Vips, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int vips_object_set_from_string(nint instance, string options);

    [LibraryImport(Vips)]
    public static partial int vips_object_build(nint instance);

    [LibraryImport(Vips)]
    public static partial void vips_object_unref_outputs(nint instance);

    [LibraryImport(Vips)]
    public static partial nuint vips_blob_get_type();

    [LibraryImport(Vips)]
    public static partial nuint vips_image_get_type();

    [LibraryImport(Vips)]
    public static partial nint vips_blob_new(nint freeFunction, void* data, nuint length);

    [LibraryImport(Vips)]
    public static partial void* vips_blob_get(nint blob, out nuint length);

    [LibraryImport(Vips)]
    public static partial void vips_area_unref(nint area);

    [LibraryImport(Vips)]
    public static partial int vips_image_get_width(nint image);

    [LibraryImport(Vips)]
    public static partial int vips_image_get_height(nint image);

    [LibraryImport(Vips)]
    public static partial int vips_image_get_bands(nint image);

    [LibraryImport(Vips)]
    public static partial int vips_image_get_format(nint image);

    [LibraryImport(Vips)]
    public static partial int vips_image_get_interpretation(nint image);

    [LibraryImport(Vips)]
    public static partial void* vips_image_write_to_memory(nint image, out nuint length);

    [LibraryImport(Vips)]
    public static partial nint vips_image_new_from_memory(void* data, nuint length, int width, int height, int bands, int format);

    [LibraryImport(GObject)]
    public static partial Value* g_value_init(Value* value, nuint type);

    [LibraryImport(GObject)]
    public static partial void g_value_unset(Value* value);

    [LibraryImport(GObject)]
    public static partial void g_value_set_boxed(Value* value, nint boxed);

    [LibraryImport(GObject)]
    public static partial nint g_value_get_boxed(Value* value);

    [LibraryImport(GObject)]
    public static partial void g_value_set_object(Value* value, nint instance);

    [LibraryImport(GObject)]
    public static partial nint g_value_dup_object(Value* value);

    [LibraryImport(GObject, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void g_object_set_property(nint instance, string name, Value* value);

    [LibraryImport(GObject, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void g_object_get_property(nint instance, string name, Value* value);

    [LibraryImport(GObject)]
    public static partial void g_object_unref(nint instance);

    [LibraryImport(GLib)]
    public static partial void g_free(void* memory);

    [LibraryImport(GLib, StringMarshalling = StringMarshalling.Utf8)]
    private static partial byte* g_getenv(string name);

    [LibraryImport(GLib, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int g_setenv(string name, string value, int overwrite);

    [LibraryImport(GLib, StringMarshalling = StringMarshalling.Utf8)]
    private static partial void g_unsetenv(string name);

    [LibraryImport(GLib, StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint g_log_set_handler(
        string domain, int levels, delegate* unmanaged[Cdecl]<byte*, int, byte*, nint, void> handler, nint data);
}
