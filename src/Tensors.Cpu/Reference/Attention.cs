namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void Attention(in AttentionArgs args)
    {
        var problem = new AttentionProblem(this, args);
        double[] result = new double[args.Out.Count], lse = new double[(long)problem.T * problem.H];
        Array.Fill(lse, double.NegativeInfinity);
        foreach (AttentionSegment segment in args.Segments.Segments)
        {
            for (int t = segment.QueryStart; t < segment.QueryStart + segment.Queries; t++)
            {
                for (int h = 0; h < problem.H; h++)
                {
                    double[] p = problem.Probabilities(segment, t, h, out lse[(t * problem.H) + h]);
                    for (int j = 0; j < p.Length; j++)
                    {
                        problem.AddTo(result, problem.Query(t, h), p[j], problem.V, problem.Key(segment.KeyStart + j, h));
                    }
                }
            }
        }

        Write(args.Out, result);
        if (args.Lse is not null)
        {
            Write(args.Lse, lse);
        }
    }

    /// <inheritdoc/>
    public void AttentionBackward(in AttentionArgs args, in AttentionGrad grad)
    {
        var problem = new AttentionProblem(this, args);
        double[] dOut = Read(grad.DOut), dQ = new double[grad.DQ.Count], dK = new double[grad.DK.Count], dV = new double[grad.DV.Count];
        foreach (AttentionSegment segment in args.Segments.Segments)
        {
            for (int t = segment.QueryStart; t < segment.QueryStart + segment.Queries; t++)
            {
                for (int h = 0; h < problem.H; h++)
                {
                    long query = problem.Query(t, h);
                    double[] p = problem.Probabilities(segment, t, h, out _);
                    double[] dP = new double[p.Length];
                    double expected = 0;
                    for (int j = 0; j < p.Length; j++)
                    {
                        long key = problem.Key(segment.KeyStart + j, h);
                        dP[j] = problem.Dot(dOut, query, problem.V, key);
                        expected += p[j] * dP[j];
                        problem.AddTo(dV, key, p[j], dOut, query);
                    }

                    for (int j = 0; j < p.Length; j++)
                    {
                        long key = problem.Key(segment.KeyStart + j, h);
                        double dScore = p[j] * (dP[j] - expected) * args.Scale;
                        problem.AddTo(dQ, query, dScore, problem.K, key);
                        problem.AddTo(dK, key, dScore, problem.Q, query);
                    }
                }
            }
        }

        Write(grad.DQ, dQ);
        Write(grad.DK, dK);
        Write(grad.DV, dV);
    }

    /// <summary>The operands of an attention in double and the arithmetic of one query row.</summary>
    private sealed class AttentionProblem
    {
        private readonly int _kvHeads, _d;
        private readonly bool _causal;
        private readonly int _window;
        private readonly double _scale;
        private readonly byte[]? _mask;

        public AttentionProblem(ReferenceKernels kernels, in AttentionArgs args)
        {
            Q = kernels.Read(args.Q);
            K = kernels.Read(args.K);
            V = kernels.Read(args.V);
            T = args.Q.Shape[0];
            H = args.Q.Shape[1];
            _d = args.Q.Shape[2];
            _kvHeads = args.K.Shape[1];
            _causal = args.Segments.Causal;
            _window = args.Segments.Window ?? int.MaxValue;
            _scale = args.Scale;
            _mask = args.KeyMask?.ToHost<byte>();
            if (args.Compute == Compute.BF16)
            {
                RoundToBF16(Q);
                RoundToBF16(K);
                RoundToBF16(V);
            }
        }

        public double[] Q { get; }

        public double[] K { get; }

        public double[] V { get; }

        public int T { get; }

        public int H { get; }

        public long Query(int t, int h) => (((long)t * H) + h) * _d;

        public long Key(int s, int h) => (((long)s * _kvHeads) + (h * _kvHeads / H)) * _d;

        /// <summary>Softmax of a query's scores over its segment's keys; hidden keys have 0, and all have where none is visible.</summary>
        public double[] Probabilities(AttentionSegment segment, int t, int h, out double lse)
        {
            double[] p = new double[segment.Keys];
            double max = double.NegativeInfinity;
            for (int j = 0; j < p.Length; j++)
            {
                int back = t - segment.QueryStart + segment.Keys - segment.Queries - j;
                bool visible = !_causal || (back >= 0 && back < _window);
                visible &= _mask is null || _mask[segment.KeyStart + j] != 0;
                p[j] = visible ? _scale * Dot(Q, Query(t, h), K, Key(segment.KeyStart + j, h)) : double.NegativeInfinity;
                max = Math.Max(max, p[j]);
            }

            double sum = 0;
            for (int j = 0; j < p.Length; j++)
            {
                p[j] = double.IsNegativeInfinity(p[j]) ? 0 : Math.Exp(p[j] - max);
                sum += p[j];
            }

            lse = sum == 0 ? double.NegativeInfinity : max + Math.Log(sum);
            return sum == 0 ? p : Array.ConvertAll(p, x => x / sum);
        }

        public double Dot(double[] a, long i, double[] b, long j)
        {
            double sum = 0;
            for (int k = 0; k < _d; k++)
            {
                sum += a[i + k] * b[j + k];
            }

            return sum;
        }

        public void AddTo(double[] y, long i, double scale, double[] x, long j)
        {
            for (int k = 0; k < _d; k++)
            {
                y[i + k] += scale * x[j + k];
            }
        }
    }
}
