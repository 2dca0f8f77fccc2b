namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void CopyColumns(Tensor x, int xStart, Tensor y, int yStart, int count, bool accumulate)
    {
        int C = x.Shape.Last, E = y.Shape.Last;
        double[] source = Read(x), result = Read(y);
        for (int i = 0; i < source.Length / C; i++)
        {
            for (int j = 0; j < count; j++)
            {
                double old = accumulate ? result[(i * E) + yStart + j] : 0;
                result[(i * E) + yStart + j] = old + source[(i * C) + xStart + j];
            }
        }

        Write(y, result);
    }
}
