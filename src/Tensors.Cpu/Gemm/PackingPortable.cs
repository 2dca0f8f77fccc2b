namespace Lorikeet.Tensors.Cpu;

/// <summary>Panel packing one element at a time; same layout and arguments as <see cref="Packing512"/>.</summary>
internal static unsafe class PackingPortable
{
    /// <summary>Packs from a matrix stored with k contiguous.</summary>
    public static void AlongK<TLoader>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TLoader : IElementLoader
    {
        for (; rows > 0; row += width, rows -= width, dst += kc * width)
        {
            for (int i = 0; i < width; i++)
            {
                for (nint k = 0; k < kc; k++)
                {
                    dst[k * width + i] = i < rows ? TLoader.Load1(m, row + i, k0 + k) : 0;
                }
            }
        }
    }

    /// <summary>Packs from a matrix stored with k as the row.</summary>
    public static void AcrossK<TLoader>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TLoader : IElementLoader
    {
        for (; rows > 0; row += width, rows -= width, dst += kc * width)
        {
            for (nint k = 0; k < kc; k++)
            {
                for (int i = 0; i < width; i++)
                {
                    dst[k * width + i] = i < rows ? TLoader.Load1(m, k0 + k, row + i) : 0;
                }
            }
        }
    }
}
