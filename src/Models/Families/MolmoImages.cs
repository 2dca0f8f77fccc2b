using Lorikeet.Imaging;

namespace Lorikeet.Models.Families;

/// <summary>How <see cref="Molmo"/> cuts pictures: settings of preprocessor_config.json and the arithmetic of sizes.</summary>
/// <remarks>Source: <c>image_preprocessing_molmo.py</c> of the checkpoints, in its later revision (torchvision's resizing).</remarks>
/// <param name="Size">Edge of a crop in pixels.</param>
/// <param name="Patch">Edge of a patch in pixels.</param>
/// <param name="MaxCrops">Largest number of crops, the overview not counted.</param>
/// <param name="Left">Patches that a crop shares with the one before it; they take no part in its tokens.</param>
/// <param name="Right">Patches that a crop shares with the one behind it.</param>
/// <param name="Mean">Mean of each channel.</param>
/// <param name="Std">Standard deviation of each channel.</param>
internal sealed record MolmoImageSettings(int Size, int Patch, int MaxCrops, int Left, int Right, float[] Mean, float[] Std)
{
    /// <summary>Patches per side of a crop.</summary>
    public int Side => Size / Patch;

    /// <summary>Pooled features per side of a crop.</summary>
    public int PooledSide => (Side + 1) / 2;

    /// <summary>Pixels from one crop to the next.</summary>
    public int Window => (Side - Left - Right) * Patch;

    /// <summary>Pixels of both margins together.</summary>
    public int Margin => Patch * (Left + Right);

    public static MolmoImageSettings From(ConfigSection c)
    {
        IReadOnlyList<int> size = c.TryInts("base_image_input_size") ?? [336, 336], margins = c.TryInts("overlap_margins") ?? [4, 4];
        int patch = c.Int("image_patch_size", 14), crops = c.Int("max_crops", 12);
        if (size.Count is < 1 or > 2 || size[0] != size[^1] || patch < 1 || size[0] < patch || size[0] % patch != 0)
        {
            throw c.Wrong("base_image_input_size", FormattableString.Invariant($"a square whose edge is a multiple of image_patch_size ({patch})"));
        }

        int side = size[0] / patch;
        if (margins.Count != 2 || margins[0] < 0 || margins[1] < 0 || margins[0] + margins[1] >= side)
        {
            throw c.Wrong("overlap_margins", FormattableString.Invariant($"two numbers of patches, together below the {side} patches of a crop"));
        }

        foreach (string key in new[] { "image_token_length_h", "image_token_length_w" })
        {
            if (c.Int(key, (side + 1) / 2) != (side + 1) / 2)
            {
                throw c.Wrong(key, FormattableString.Invariant($"{(side + 1) / 2}, one for each 2 x 2 of the {side} patches"));
            }
        }

        return new MolmoImageSettings(
            size[0],
            patch,
            crops >= 1 ? crops : throw c.Wrong("max_crops", "at least 1"),
            margins[0],
            margins[1],
            Channels(c, "image_mean", [0.48145466, 0.4578275, 0.40821073]),
            Channels(c, "image_std", [0.26862954, 0.26130258, 0.27577711]));
    }

    /// <summary>Rows and columns of crops of a picture.</summary>
    public (int Rows, int Columns) Tiling(int width, int height)
    {
        float freeHeight = height - Margin, freeWidth = width - Margin;
        var candidates = new List<(int Rows, int Columns, float Scale)>();
        for (int crops = 1; crops <= MaxCrops; crops++)
        {
            for (int rows = 1; rows <= crops; rows++)
            {
                int columns = crops / rows;
                if (rows * columns == crops)
                {
                    candidates.Add((rows, columns, MathF.Min(rows * Window / freeHeight, columns * Window / freeWidth)));
                }
            }
        }

        // The least enlargement if the picture can be shown in full, else the least reduction; MaxBy and MinBy take the first of equals.
        (int Rows, int Columns, float Scale)[] enough = [.. candidates.Where(c => c.Scale >= 1)];
        (int r, int k, _) = enough.Length == 0 ? candidates.MaxBy(c => c.Scale) : enough.MinBy(c => c.Scale);
        return (r, k);
    }

    /// <summary>Pixels of the canvas of all crops.</summary>
    public PixelSize Canvas(int rows, int columns) => new((columns * Window) + Margin, (rows * Window) + Margin);

    /// <summary>The size at which a picture fits a canvas.</summary>
    /// <exception cref="InvalidDataException">It is so thin that a side would have no pixels.</exception>
    public static PixelSize Fit(PixelSize picture, PixelSize canvas)
    {
        float scale = MathF.Min((float)canvas.Width / picture.Width, (float)canvas.Height / picture.Height);
        int width = (int)(picture.Width * scale), height = (int)(picture.Height * scale);
        return width > 0 && height > 0
            ? new PixelSize(width, height)
            : throw new InvalidDataException(FormattableString.Invariant(
                $"the picture of {picture.Width} x {picture.Height} pixels is too thin: fitted to {canvas.Width} x {canvas.Height} one side has no pixels. Leave it out or crop it."));
    }

    private static float[] Channels(ConfigSection c, string key, double[] otherwise)
    {
        IReadOnlyList<double> values = c.TryDoubles(key) ?? otherwise;
        return values.Count == 3 && (key == "image_mean" || !values.Contains(0)) ? [.. values.Select(v => (float)v)] : throw c.Wrong(key, "three numbers, one for each channel");
    }
}

/// <summary>A picture on a canvas: normalised values and where the picture is.</summary>
/// <param name="Size">Of the canvas.</param>
/// <param name="Values">(Height, Width, 3), normalised.</param>
/// <param name="Mask">(Height, Width): whether a pixel shows the picture.</param>
internal sealed record MolmoCanvas(PixelSize Size, float[] Values, bool[] Mask)
{
    private const int C = 3;

    /// <summary>Fits a picture into the middle of a canvas of zeros, then normalises: what is left free is not zero afterwards.</summary>
    public static MolmoCanvas Of(Image rgb, PixelSize canvas, MolmoImageSettings settings)
    {
        PixelSize fitted = MolmoImageSettings.Fit(new PixelSize(rgb.Width, rgb.Height), canvas);
        float[] picture = Resized(rgb, fitted);
        int top = (canvas.Height - fitted.Height) / 2, left = (canvas.Width - fitted.Width) / 2;
        float[] values = new float[checked(canvas.Width * canvas.Height * C)];
        bool[] mask = new bool[canvas.Width * canvas.Height];
        for (int y = 0; y < fitted.Height; y++)
        {
            int at = ((top + y) * canvas.Width) + left;
            picture.AsSpan(y * fitted.Width * C, fitted.Width * C).CopyTo(values.AsSpan(at * C));
            mask.AsSpan(at, fitted.Width).Fill(true);
        }

        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (values[i] - settings.Mean[i % C]) / settings.Std[i % C];
        }

        return new MolmoCanvas(canvas, values, mask);
    }

    /// <summary>Patches of a square window, row-major, each (y, x, channel); and the share of each that shows the picture.</summary>
    public void Cut(int left, int top, MolmoImageSettings settings, Span<float> patches, Span<float> masks)
    {
        int p = settings.Patch, side = settings.Side;
        for (int i = 0; i < side * side; i++)
        {
            int shown = 0;
            for (int y = 0; y < p; y++)
            {
                int at = ((top + (i / side * p) + y) * Size.Width) + left + (i % side * p);
                Values.AsSpan(at * C, p * C).CopyTo(patches.Slice(((i * p) + y) * p * C, p * C));
                shown += Mask.AsSpan(at, p).Count(true);
            }

            masks[i] = (float)shown / (p * p);
        }
    }

    /// <summary>A separable triangle filter, widened where the picture shrinks, on values from 0 to 1; weights and sums are f32.</summary>
    private static float[] Resized(Image rgb, PixelSize to)
    {
        (int Start, float[] Weights)[] columns = Taps(rgb.Width, to.Width), rows = Taps(rgb.Height, to.Height);
        float[] narrow = new float[checked(rgb.Height * to.Width * C)], result = new float[checked(to.Height * to.Width * C)];
        float[] unit = [.. Enumerable.Range(0, 256).Select(v => v / 255f)];
        int stride = to.Width * C;
        for (int y = 0; y < rgb.Height; y++)
        {
            for (int x = 0; x < to.Width; x++)
            {
                (int start, float[] weights) = columns[x];
                float red = 0, green = 0, blue = 0;
                for (int i = 0, at = ((y * rgb.Width) + start) * C; i < weights.Length; i++, at += C)
                {
                    red += weights[i] * unit[rgb.Pixels[at]];
                    green += weights[i] * unit[rgb.Pixels[at + 1]];
                    blue += weights[i] * unit[rgb.Pixels[at + 2]];
                }

                int target = (y * stride) + (x * C);
                (narrow[target], narrow[target + 1], narrow[target + 2]) = (red, green, blue);
            }
        }

        for (int y = 0; y < to.Height; y++)
        {
            (int start, float[] weights) = rows[y];
            Span<float> row = result.AsSpan(y * stride, stride);
            for (int i = 0; i < weights.Length; i++)
            {
                ReadOnlySpan<float> source = narrow.AsSpan((start + i) * stride, stride);
                for (int x = 0; x < stride; x++)
                {
                    row[x] += weights[i] * source[x];
                }
            }

            for (int x = 0; x < stride; x++)
            {
                row[x] = Math.Clamp(row[x], 0f, 1f);
            }
        }

        return result;
    }

    private static (int Start, float[] Weights)[] Taps(int from, int to)
    {
        float scale = (float)from / to, radius = MathF.Max(scale, 1f);
        var taps = new (int, float[])[to];
        for (int i = 0; i < to; i++)
        {
            float centre = scale * (i + 0.5f);
            int start = Math.Max((int)(centre - radius + 0.5f), 0), end = Math.Min((int)(centre + radius + 0.5f), from);
            float[] weights = new float[end - start];
            float sum = 0;
            for (int j = 0; j < weights.Length; j++)
            {
                weights[j] = MathF.Max(0f, 1f - (MathF.Abs(start + j - centre + 0.5f) / radius));
                sum += weights[j];
            }

            for (int j = 0; j < weights.Length; j++)
            {
                weights[j] /= sum;
            }

            taps[i] = (start, weights);
        }

        return taps;
    }
}
