using System.Globalization;
using System.Runtime.InteropServices;

namespace Lorikeet.Imaging.Interop;

/// <summary>Raw samples as a libvips loader gives them.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Bands">Samples per pixel.</param>
/// <param name="Is16Bit">Whether a sample is an unsigned 16-bit number (low byte first) instead of a byte.</param>
/// <param name="Colour">libvips' interpretation of the bands.</param>
/// <param name="Samples">(Height, Width, Bands) interleaved.</param>
internal sealed record VipsRaster(int Width, int Height, int Bands, bool Is16Bit, VipsColour Colour, byte[] Samples);

/// <summary>The interpretations of bands that are told apart (numbers of libvips' VipsInterpretation).</summary>
internal enum VipsColour
{
    Multiband = 0,
    BlackWhite = 1,
    Lab = 13,
    Cmyk = 15,
    Rgb = 22,
    Rgb16 = 25,
    Grey16 = 26,
}

/// <summary>Runs one named libvips loader or saver on memory. No file name and no format guess ever reaches the library.</summary>
internal static unsafe class VipsCodec
{
    private const int UChar = 0, UShort = 2;

    /// <summary>Decodes with the loader of one format; the size is checked after the header and before the pixels.</summary>
    /// <param name="format">JPEG, PNG, WebP or TIFF, as the first bytes say.</param>
    /// <param name="file">The file's bytes.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="limits">The caps.</param>
    public static VipsRaster Load(ImageFormat format, byte[] file, string name, DecodeLimits limits) =>
        Open(format, file, name, limits, image => Read(image) ?? throw Failure(format, file, name));

    /// <summary>The size that the header tells; no pixel is decoded.</summary>
    /// <inheritdoc cref="Load"/>
    public static PixelSize ReadSize(ImageFormat format, byte[] file, string name, DecodeLimits limits) =>
        Open(format, file, name, limits, image => new PixelSize(VipsNative.vips_image_get_width(image), VipsNative.vips_image_get_height(image)));

    private static T Open<T>(ImageFormat format, byte[] file, string name, DecodeLimits limits, Func<nint, T> use)
    {
        string loader = format switch
        {
            ImageFormat.Jpeg => "jpegload_buffer",
            ImageFormat.Png => "pngload_buffer",
            ImageFormat.WebP => "webpload_buffer",
            ImageFormat.Tiff => "tiffload_buffer",
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "is not decoded by libvips"),
        };
        VipsNative.EnsureStarted();
        fixed (byte* data = file)
        {
            nint operation = New(loader, "access=sequential,fail_on=error");
            nint image = 0;
            try
            {
                nint blob = VipsNative.vips_blob_new(0, data, (nuint)file.Length);
                SetBoxed(operation, "buffer", blob);
                VipsNative.vips_area_unref(blob);
                // Warnings about an earlier picture, which decoded nevertheless, are not this one's.
                VipsNative.TakeError();
                if (VipsNative.vips_object_build(operation) != 0)
                {
                    throw Failure(format, file, name);
                }
                image = GetImage(operation, "out");
                RequireReadable(image, format, name, limits);
                return use(image);
            }
            finally
            {
                Release(operation, image);
            }
        }
    }

    /// <summary>Encodes interleaved pixels of 8 or 16 bits as PNG.</summary>
    public static byte[] SavePng(byte[] pixels, int width, int height, int bands, bool is16Bit) =>
        Save("pngsave_buffer", is16Bit ? "compression=3,bitdepth=16" : "compression=3", new VipsRaster(width, height, bands, is16Bit, VipsColour.Multiband, pixels));

    /// <summary>Encodes interleaved grey or RGB pixels of 8 bits as JPEG.</summary>
    public static byte[] SaveJpeg(byte[] pixels, int width, int height, int bands, int quality) =>
        Save("jpegsave_buffer", string.Create(CultureInfo.InvariantCulture, $"Q={quality},optimize_coding=true"), new VipsRaster(width, height, bands, false, VipsColour.Multiband, pixels));

    private static byte[] Save(string saver, string options, VipsRaster raster)
    {
        VipsNative.EnsureStarted();
        fixed (byte* data = raster.Samples)
        {
            nint image = VipsNative.vips_image_new_from_memory(
                data, (nuint)raster.Samples.Length, raster.Width, raster.Height, raster.Bands, raster.Is16Bit ? UShort : UChar);
            nint operation = 0;
            try
            {
                if (image == 0)
                {
                    throw new InvalidOperationException("libvips refuses the pixels: " + VipsNative.TakeError());
                }
                operation = New(saver, options);
                VipsNative.Value value = default;
                VipsNative.g_value_init(&value, VipsNative.vips_image_get_type());
                VipsNative.g_value_set_object(&value, image);
                VipsNative.g_object_set_property(operation, "in", &value);
                VipsNative.g_value_unset(&value);
                if (VipsNative.vips_object_build(operation) != 0)
                {
                    throw new InvalidOperationException($"libvips cannot write the picture ({saver}): " + VipsNative.TakeError());
                }
                return GetBytes(operation, "buffer");
            }
            finally
            {
                Release(operation, image);
            }
        }
    }

    private static nint New(string name, string options)
    {
        nint operation = VipsNative.vips_operation_new(name);
        if (operation == 0)
        {
            throw new DllNotFoundException(
                $"the installed libvips {VipsNative.EnsureStarted()} has no `{name}`: {VipsNative.TakeError()}. {VipsNative.HowToInstall}");
        }
        if (VipsNative.vips_object_set_from_string(operation, options) != 0)
        {
            string error = VipsNative.TakeError();
            VipsNative.g_object_unref(operation);
            throw new DllNotFoundException(
                $"the installed libvips {VipsNative.EnsureStarted()} does not know `{options}` of `{name}`: {error}. {VipsNative.HowToInstall}");
        }
        return operation;
    }

    private static void SetBoxed(nint operation, string property, nint boxed)
    {
        VipsNative.Value value = default;
        VipsNative.g_value_init(&value, VipsNative.vips_blob_get_type());
        VipsNative.g_value_set_boxed(&value, boxed);
        VipsNative.g_object_set_property(operation, property, &value);
        VipsNative.g_value_unset(&value);
    }

    private static nint GetImage(nint operation, string property)
    {
        VipsNative.Value value = default;
        VipsNative.g_value_init(&value, VipsNative.vips_image_get_type());
        VipsNative.g_object_get_property(operation, property, &value);
        nint image = VipsNative.g_value_dup_object(&value);
        VipsNative.g_value_unset(&value);
        return image;
    }

    private static byte[] GetBytes(nint operation, string property)
    {
        VipsNative.Value value = default;
        VipsNative.g_value_init(&value, VipsNative.vips_blob_get_type());
        VipsNative.g_object_get_property(operation, property, &value);
        void* data = VipsNative.vips_blob_get(VipsNative.g_value_get_boxed(&value), out nuint length);
        var bytes = new Span<byte>(data, checked((int)length)).ToArray();
        VipsNative.g_value_unset(&value);
        return bytes;
    }

    private static void RequireReadable(nint image, ImageFormat format, string name, DecodeLimits limits)
    {
        limits.RequireSize(name, VipsNative.vips_image_get_width(image), VipsNative.vips_image_get_height(image));
        int bands = VipsNative.vips_image_get_bands(image), samples = VipsNative.vips_image_get_format(image);
        if (samples is not (UChar or UShort) || bands is < 1 or > 8)
        {
            throw new InvalidDataException(
                $"{name}: the {ImageFormats.NameOf(format)} file has {bands} channels of sample type {samples} (libvips' number); pictures have 1 to 4 " +
                "channels of 8 or 16 unsigned bits. Convert it first.");
        }
    }

    /// <summary>Decodes the pixels; null if that fails.</summary>
    private static VipsRaster? Read(nint image)
    {
        void* pixels = VipsNative.vips_image_write_to_memory(image, out nuint length);
        if (pixels == null)
        {
            return null;
        }
        try
        {
            var samples = new byte[checked((int)length)];
            Marshal.Copy((nint)pixels, samples, 0, samples.Length);
            return new VipsRaster(
                VipsNative.vips_image_get_width(image), VipsNative.vips_image_get_height(image), VipsNative.vips_image_get_bands(image),
                VipsNative.vips_image_get_format(image) == UShort, (VipsColour)VipsNative.vips_image_get_interpretation(image), samples);
        }
        finally
        {
            VipsNative.g_free(pixels);
        }
    }

    /// <summary>The marker that ends a JPEG.</summary>
    private static ReadOnlySpan<byte> EndOfImage => [0xFF, 0xD9];

    private static InvalidDataException Failure(ImageFormat format, byte[] file, string name)
    {
        string reason = VipsNative.TakeError();

        // The reason may have gone to a neighbour thread's exception, so a JPEG's missing end is also looked up in the file itself.
        bool isCut = format == ImageFormat.Jpeg && file.AsSpan().LastIndexOf(EndOfImage) < 0;
        return isCut || reason.Contains("Premature end of", StringComparison.Ordinal)
            ? new InvalidDataException($"{name}: the {ImageFormats.NameOf(format)} file is truncated: it ends at byte {file.Length} before the picture is complete.")
            : new InvalidDataException($"{name}: damaged or unsupported {ImageFormats.NameOf(format)} file: {reason}.");
    }

    private static void Release(nint operation, nint image)
    {
        if (image != 0)
        {
            VipsNative.g_object_unref(image);
        }
        if (operation != 0)
        {
            VipsNative.vips_object_unref_outputs(operation);
            VipsNative.g_object_unref(operation);
        }
    }
}
