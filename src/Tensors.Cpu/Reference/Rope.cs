namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void Rope(RopePairing pairing, Tensor x, Tensor cos, Tensor sin, Tensor y, bool inverse)
    {
        int N = x.Shape[0], H = x.Shape[1], D = x.Shape[2], half = D / 2;
        double[] values = Read(x), c = Read(cos), s = Read(sin), result = new double[values.Length];
        for (int row = 0; row < N * H; row++)
        {
            for (int j = 0; j < half; j++)
            {
                long angle = Index(row / H, j, half);
                long first = Index(row, pairing == RopePairing.Interleaved ? 2 * j : j, D);
                long second = first + (pairing == RopePairing.Interleaved ? 1 : half);
                double sine = inverse ? -s[angle] : s[angle];
                result[first] = (values[first] * c[angle]) - (values[second] * sine);
                result[second] = (values[second] * c[angle]) + (values[first] * sine);
            }
        }

        Write(y, result);
    }
}
