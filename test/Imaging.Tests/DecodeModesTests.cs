using static Lorikeet.Imaging.Tests.PictureFiles;

namespace Lorikeet.Imaging.Tests;

/// <summary>Sample formats beyond the reference pictures, written byte by byte.</summary>
public sealed class DecodeModesTests
{
    private static readonly byte[] FourColours = [10, 20, 30, 40, 50, 60, 70, 80, 90, 255, 0, 1];

    [Theory]
    [InlineData(1, new byte[] { 0b1010_0000 }, new byte[] { 255, 0, 255 })]
    [InlineData(2, new byte[] { 0b1101_1000 }, new byte[] { 255, 85, 170 })]
    [InlineData(4, new byte[] { 0xF1, 0x80 }, new byte[] { 255, 17, 136 })]
    public void Grey_png_of_few_bits_is_scaled_to_bytes(int bits, byte[] row, byte[] grey)
    {
        var image = Decode(Png(3, 1, bits, 0, row));
        Assert.Equal((PixelMode.L, 3, 1), (image.Mode, image.Width, image.Height));
        Assert.Equal(grey, image.Pixels);
    }

    [Fact]
    public void Sixteen_bit_grey_png_keeps_its_values_and_is_clipped_as_rgb()
    {
        var image = Decode(Png(2, 1, 16, 0, [0x01, 0x02, 0x00, 0x7B]));
        Assert.Equal(PixelMode.I16, image.Mode);
        Assert.Equal([0x02, 0x01, 0x7B, 0x00], image.Pixels);
        Assert.Equal([255, 255, 255, 123, 123, 123], image.ToRgb().Pixels);
    }

    [Fact]
    public void Sixteen_bit_colour_png_keeps_the_high_bytes()
    {
        Assert.Equal([1, 3, 5], Decode(Png(1, 1, 16, 2, [1, 2, 3, 4, 5, 6])).Pixels);
        var alpha = Decode(Png(1, 1, 16, 6, [1, 2, 3, 4, 5, 6, 7, 8]));
        Assert.Equal((PixelMode.RGBA, "1,3,5,7"), (alpha.Mode, string.Join(',', alpha.Pixels)));
        Assert.Equal([9, 9, 9, 11], Decode(Png(1, 1, 16, 4, [9, 10, 11, 12])).ToRgba().Pixels);
    }

    [Fact]
    public void A_transparent_palette_entry_keeps_its_colour_when_alpha_is_dropped()
    {
        var image = Decode(Png(2, 1, 8, 3, [1, 2], ("PLTE", FourColours), ("tRNS", [255, 0])));
        Assert.Equal([40, 50, 60, 0, 70, 80, 90, 255], image.ToRgba().Pixels);
        Assert.Equal([40, 50, 60, 70, 80, 90], image.ToRgb().Pixels);
        Assert.Equal([255, 255, 255, 70, 80, 90], image.OnWhite().Pixels);
    }

    [Fact]
    public void A_transparent_colour_of_a_png_without_alpha_is_honoured()
    {
        var rgb = Decode(Png(2, 1, 8, 2, [1, 2, 3, 1, 2, 4], ("tRNS", [0, 1, 0, 2, 0, 3])));
        Assert.Equal([1, 2, 3, 0, 1, 2, 4, 255], rgb.ToRgba().Pixels);
        var grey = Decode(Png(2, 1, 8, 0, [5, 6], ("tRNS", [0, 6])));
        Assert.Equal([5, 5, 5, 255, 6, 6, 6, 0], grey.ToRgba().Pixels);
    }

    [Theory]
    [InlineData(-1, PixelMode.RGB)]
    [InlineData(1, PixelMode.RGBA)]
    public void A_gif_shows_its_first_frame_on_the_canvas(int transparent, PixelMode mode)
    {
        var image = Decode(Gif(3, 2, (1, 0, 2, 2), FourColours, [1, 2, 3, 0], transparent));
        byte[] outside = transparent < 0 ? FourColours[..3] : FourColours[3..6];
        Assert.Equal(mode, image.Mode);
        Assert.Equal([.. outside, .. FourColours[3..6], .. FourColours[6..9], .. outside, .. FourColours[9..12], .. FourColours[..3]], image.ToRgb().Pixels);
        if (transparent >= 0)
        {
            Assert.Equal([0, 0, 255, 0, 255, 255], image.Pixels.Where((_, i) => i % 4 == 3));
        }
    }

    [Fact]
    public void Rows_of_an_interlaced_gif_are_put_in_order()
    {
        byte[] stored = [0, 1, 2, 3, 0, 1, 2, 3, 1];
        var image = Decode(Gif(1, 9, (0, 0, 1, 9), FourColours, stored, interlaced: true));
        // Stored: rows 0, 8; 4; 2, 6; 1, 3, 5, 7.
        byte[] shown = [0, 1, 3, 2, 2, 3, 0, 1, 1];
        Assert.Equal(shown.SelectMany(i => FourColours[(3 * i)..(3 * i + 3)]), image.Pixels);
    }

    [Fact]
    public void A_gif_frame_beyond_the_canvas_enlarges_it()
    {
        var image = Decode(Gif(1, 1, (1, 1, 1, 1), FourColours, [3]));
        Assert.Equal((2, 2), (image.Width, image.Height));
        Assert.Equal(FourColours[9..12], image.Pixels[9..]);
    }

    [Theory]
    [InlineData(1, new byte[] { 0b0110_0000, 0, 0, 0 }, new byte[] { 0, 1, 1 })]
    [InlineData(4, new byte[] { 0x12, 0x30, 0, 0 }, new byte[] { 1, 2, 3 })]
    [InlineData(8, new byte[] { 3, 2, 1, 0 }, new byte[] { 3, 2, 1 })]
    public void Bitmaps_with_a_palette(int bits, byte[] row, byte[] indices)
    {
        byte[] palette = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0];
        var image = Decode(Bmp(3, 1, bits, bits == 1 ? palette[..8] : palette, row));
        Assert.Equal(indices.SelectMany(i => (byte[])[palette[4 * i + 2], palette[4 * i + 1], palette[4 * i]]), image.Pixels);
    }

    [Fact]
    public void Bitmaps_of_16_24_and_32_bits()
    {
        Assert.Equal([255, 0, 0, 0, 0, 255], Decode(Bmp(2, 1, 16, [], [0x00, 0x7C, 0x1F, 0x00])).Pixels);
        byte[] masks565 = [0, 0xF8, 0, 0, 0xE0, 0x07, 0, 0, 0x1F, 0, 0, 0];
        Assert.Equal([0, 255, 0, 131, 129, 131], Decode(Bmp(2, 1, 16, [], [0xE0, 0x07, 0x10, 0x84], 3, masks565)).Pixels);
        Assert.Equal([3, 2, 1], Decode(Bmp(1, 1, 24, [], [1, 2, 3, 0])).Pixels);
        Assert.Equal([3, 2, 1], Decode(Bmp(1, 1, 32, [], [1, 2, 3, 99])).Pixels);
        Assert.Equal([7, 8, 9, 3, 2, 1], Decode(Bmp(1, 2, 24, [], [1, 2, 3, 0, 9, 8, 7, 0])).Pixels);
        Assert.Equal([3, 2, 1, 7, 8, 9], Decode(Bmp(1, -2, 24, [], [1, 2, 3, 0, 9, 8, 7, 0])).Pixels);
    }

    [Fact]
    public void Run_length_coded_bitmaps()
    {
        byte[] palette = [0, 0, 0, 0, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 0];
        // Bottom row: three of index 1, then one of 2; delta one right, one up; absolute run of 3, 1, 2 padded to a word; end.
        byte[] rle8 = [3, 1, 1, 2, 0, 0, 0, 2, 1, 0, 0, 3, 3, 1, 2, 0, 0, 1];
        Assert.Equal([0, 3, 1, 2, 1, 1, 1, 2], Greys(Decode(Bmp(4, 2, 8, palette, rle8, compression: 1))));
        byte[] rle4 = [4, 0x12, 0, 0, 0, 3, 0x31, 0x20, 0, 1];
        Assert.Equal([3, 1, 2, 0, 1, 2, 1, 2], Greys(Decode(Bmp(4, 2, 4, palette, rle4, compression: 2))));

        static IEnumerable<byte> Greys(Image image) => image.Pixels.Where((_, i) => i % 3 == 0);
    }

    [Fact]
    public void Tiff_channels_become_modes()
    {
        Assert.Equal((PixelMode.L, (byte)200), First(Decode(Tiff(1, 1, [8], 1, [200]))));
        Assert.Equal((PixelMode.L, (byte)55), First(Decode(Tiff(1, 1, [8], 0, [200]))));
        Assert.Equal((PixelMode.LA, (byte)200), First(Decode(Tiff(1, 1, [8, 8], 1, [200, 7], (338, 2)))));
        Assert.Equal((PixelMode.I16, (byte)0x34), First(Decode(Tiff(1, 1, [16], 1, [0x34, 0x12]))));
        Assert.Equal((PixelMode.RGB, (byte)1), First(Decode(Tiff(1, 1, [8, 8, 8], 2, [1, 2, 3]))));
        Assert.Equal((PixelMode.CMYK, (byte)1), First(Decode(Tiff(1, 1, [8, 8, 8, 8], 5, [1, 2, 3, 4]))));
        Assert.Equal([1, 2, 3, 4], Decode(Tiff(1, 1, [8, 8, 8, 8], 2, [1, 2, 3, 4], (338, 2))).Pixels);
        Assert.Equal([2, 5, 7, 100], Decode(Tiff(1, 1, [8, 8, 8, 8], 2, [1, 2, 3, 100], (338, 1))).Pixels);
        Assert.Equal([1, 2, 3], Decode(Tiff(1, 1, [8, 8, 8, 8], 2, [1, 2, 3, 4], (338, 0))).Pixels);

        static (PixelMode, byte) First(Image image) => (image.Mode, image.Pixels[0]);
    }

    [Fact]
    public void Tiff_files_are_turned_upright_while_decoding()
    {
        var image = Decode(Tiff(2, 1, [8], 1, [1, 2], (274, 6)));
        Assert.Equal((1, 2, 1), (image.Width, image.Height, image.Orientation));
        Assert.Equal([1, 2], image.Pixels);
        Assert.Equal([2, 1], Decode(Tiff(2, 1, [8], 1, [1, 2], (274, 3))).Pixels);
    }

    [Theory]
    [InlineData(PixelMode.L)]
    [InlineData(PixelMode.LA)]
    [InlineData(PixelMode.RGB)]
    [InlineData(PixelMode.RGBA)]
    [InlineData(PixelMode.I16)]
    public void Png_files_written_here_are_read_unchanged(PixelMode mode)
    {
        var pixels = new byte[13 * 7 * Image.BytesPerPixelOf(mode)];
        new Random(1).NextBytes(pixels);
        var image = Decode(ImageEncoder.EncodePng(new Image(13, 7, mode, pixels)));
        Assert.Equal((mode, 13, 7), (image.Mode, image.Width, image.Height));
        Assert.Equal(pixels, image.Pixels);
    }

    [Fact]
    public void Xmp_orientation_counts_where_exif_has_none()
    {
        byte[] xmp = [.. "XML:com.adobe.xmp\0\0\0\0\0"u8, .. "<x tiff:Orientation=\"8\"/>"u8];
        Assert.Equal(8, Decode(Png(1, 1, 8, 0, [1], ("iTXt", xmp))).Orientation);
    }

    private static Image Decode(byte[] file) => ImageDecoder.Decode(file, "picture");
}
