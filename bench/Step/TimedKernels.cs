using System.Globalization;
using System.Runtime.CompilerServices;
using Lorikeet.Tensors;

namespace Lorikeet.Bench.Step;

/// <summary>Kernels that note how much processor time each of them takes.</summary>
internal sealed class TimedKernels(IKernels inner) : IKernels
{
    private readonly Dictionary<string, (int Calls, double Seconds)> _times = [];

    /// <summary>Forgets all times.</summary>
    public void Reset() => _times.Clear();

    /// <summary>Calls and milliseconds per kernel, most expensive first.</summary>
    public void Print(double total)
    {
        foreach ((string name, (int calls, double seconds)) in _times.OrderByDescending(t => t.Value.Seconds).Take(24))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {calls} | {seconds * 1e3:f1} | {seconds / total:p1} |"));
        }

        double kernels = _times.Values.Sum(t => t.Seconds);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| outside kernels | | {(total - kernels) * 1e3:f1} | {(total - kernels) / total:p1} |"));
    }

    public void Fill(Tensor x, float value)
    {
        double start = Now();
        inner.Fill(x, value);
        Note(start);
    }

    public void Copy(Tensor x, Tensor y)
    {
        double start = Now();
        inner.Copy(x, y);
        Note(start);
    }

    public void MatMul(in MatMulArgs args)
    {
        double start = Now();
        inner.MatMul(args);
        int K = args.TransposeA ? args.A.Shape.Rows : args.A.Shape.Last, M = args.C.Shape.Rows, N = args.C.Shape.Last;
        Note(start, Math.Min(M, Math.Min(N, K)) <= 16 ? "MatMul (low rank)" : args.TransposeA ? "MatMul (dW)" : args.TransposeB ? "MatMul (y)" : "MatMul (dX)");
    }

    public void Add(Tensor a, Tensor b, Tensor y)
    {
        double start = Now();
        inner.Add(a, b, y);
        Note(start);
    }

    public void AddScaled(Tensor x, float scale, Tensor y)
    {
        double start = Now();
        inner.AddScaled(x, scale, y);
        Note(start);
    }

    public void Scale(Tensor x, float scale, Tensor y, bool accumulate)
    {
        double start = Now();
        inner.Scale(x, scale, y, accumulate);
        Note(start);
    }

    public void ScaleRows(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
        double start = Now();
        inner.ScaleRows(x, s, y, accumulate);
        Note(start);
    }

    public void ScaleColumns(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
        double start = Now();
        inner.ScaleColumns(x, s, y, accumulate);
        Note(start);
    }

    public void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
        double start = Now();
        inner.SumRows(x, z, y, accumulate);
        Note(start);
    }

    public void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
        double start = Now();
        inner.Sum(x, z, y, accumulate);
        Note(start);
    }

    public void Activation(ActivationKind kind, Tensor x, Tensor y)
    {
        double start = Now();
        inner.Activation(kind, x, y);
        Note(start);
    }

    public void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate)
    {
        double start = Now();
        inner.ActivationBackward(kind, x, dY, dX, accumulate);
        Note(start);
    }

    public void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y)
    {
        double start = Now();
        inner.Gated(kind, gate, up, y);
        Note(start);
    }

    public void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
    {
        double start = Now();
        inner.GatedBackward(kind, gate, up, dY, dGate, dUp);
        Note(start);
    }

    public void Dropout(Tensor x, Tensor keys, ulong module, float p, Tensor y, bool accumulate)
    {
        double start = Now();
        inner.Dropout(x, keys, module, p, y, accumulate);
        Note(start);
    }

    public void RmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor? rstd)
    {
        double start = Now();
        inner.RmsNorm(x, weight, eps, y, rstd);
        Note(start);
    }

    public void RmsNormBackward(in NormGrad args)
    {
        double start = Now();
        inner.RmsNormBackward(args);
        Note(start);
    }

    public void LayerNorm(Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        double start = Now();
        inner.LayerNorm(x, weight, bias, eps, y, mean, rstd);
        Note(start);
    }

    public void LayerNormBackward(in NormGrad args)
    {
        double start = Now();
        inner.LayerNormBackward(args);
        Note(start);
    }

    public void Rope(RopePairing pairing, Tensor x, Tensor cos, Tensor sin, Tensor y, bool inverse)
    {
        double start = Now();
        inner.Rope(pairing, x, cos, sin, y, inverse);
        Note(start);
    }

    public void Attention(in AttentionArgs args)
    {
        double start = Now();
        inner.Attention(args);
        Note(start);
    }

    public void AttentionBackward(in AttentionArgs args, in AttentionGrad grad)
    {
        double start = Now();
        inner.AttentionBackward(args, grad);
        Note(start);
    }

    public void GatherRows(Tensor table, Tensor ids, Tensor y)
    {
        double start = Now();
        inner.GatherRows(table, ids, y);
        Note(start);
    }

    public void ScatterAddRows(Tensor x, Tensor ids, Tensor dTable)
    {
        double start = Now();
        inner.ScatterAddRows(x, ids, dTable);
        Note(start);
    }

    public void ScatterRows(Tensor x, Tensor ids, Tensor y)
    {
        double start = Now();
        inner.ScatterRows(x, ids, y);
        Note(start);
    }

    public void CopyColumns(Tensor x, int xStart, Tensor y, int yStart, int count, bool accumulate)
    {
        double start = Now();
        inner.CopyColumns(x, xStart, y, yStart, count, accumulate);
        Note(start);
    }

    public void CrossEntropy(Tensor logits, Tensor labels, Tensor loss, Tensor? dLogits)
    {
        double start = Now();
        inner.CrossEntropy(logits, labels, loss, dLogits);
        Note(start);
    }

    public void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm)
    {
        double start = Now();
        inner.GlobalNorm(tensors, norm);
        Note(start);
    }

    public void AdamW(in AdamWArgs args)
    {
        double start = Now();
        inner.AdamW(args);
        Note(start);
    }

    private static double Now() => Environment.CpuUsage.TotalTime.TotalSeconds;

    private void Note(double start, [CallerMemberName] string name = "")
    {
        double seconds = Now() - start;
        (int calls, double before) = _times.GetValueOrDefault(name);
        _times[name] = (calls + 1, before + seconds);
    }
}
