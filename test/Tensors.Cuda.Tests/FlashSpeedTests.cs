using System.Globalization;
using Lorikeet.Tensors.Cuda.Driver;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>
/// How fast attention is, on a real GPU only: an emulated one says nothing about it. Figures go to the tests' output
/// (<c>--show-live-output on</c>), to be compared with what docs/performance.md counts.
/// </summary>
public sealed class FlashSpeedTests
{
    private const int Rounds = 20;

    [Theory]
    [Trait("tier", "gpu")]
    [InlineData("Qwen2-VL-2B", 2048, 12, 2, 128)]
    [InlineData("Qwen2-VL-7B", 2048, 28, 4, 128)]
    [InlineData("Llama-3.2-11B", 2048, 32, 8, 128)]
    [InlineData("SmolVLM", 2048, 9, 3, 64)]
    public void Tensor_cores_beat_the_simple_kernel_by_far(string model, int T, int H, int K, int D)
    {
        Assert.SkipUnless(CudaEmulator.IsReal, "speed is measured on a real GPU");
        using CudaDevice device = CudaEmulator.Open();
        using var t = new Case(device, T, T, H, K, D, causal: true);
        (AttentionArgs fast, AttentionGrad grad) = t.Args(Compute.BF16);
        AttentionArgs simple = fast with { Compute = Compute.F32 };
        double forward = t.Milliseconds(k => k.Attention(fast)), backward = t.Milliseconds(k => k.AttentionBackward(fast, grad)), slow = t.Milliseconds(k => k.Attention(simple));
        double work = 2.0 * T * T * H * D;
        Say($"{model} T {T}: forward {forward * 1e3:f0} us, {work / forward * 1e-9:f0} TFLOP/s; backward {backward * 1e3:f0} us, {2.5 * work / backward * 1e-9:f0} TFLOP/s; simple forward {slow * 1e3:f0} us");
        Assert.True(forward * 3 < slow, $"{forward} ms on tensor cores, {slow} ms without");
    }

    [Theory]
    [Trait("tier", "gpu")]
    [InlineData("Qwen2-VL-2B", 32768, 12, 2, 128)]
    [InlineData("Qwen2-VL-7B", 2048, 28, 4, 128)]
    [InlineData("Qwen2-VL-7B", 32768, 28, 4, 128)]
    public void Decoding_reads_the_cache_at_a_good_part_of_the_rate_of_a_copy(string model, int S, int H, int K, int D)
    {
        Assert.SkipUnless(CudaEmulator.IsReal, "speed is measured on a real GPU");
        using CudaDevice device = CudaEmulator.Open();
        using var t = new Case(device, 1, S, H, K, D, causal: true);
        (AttentionArgs args, _) = t.Args(Compute.BF16);
        double bytes = 2.0 * S * K * D * sizeof(ushort);
        double decode = t.Milliseconds(k => k.Attention(args)), copy = t.Milliseconds(k => k.Copy(args.K, args.V));
        Say($"{model} S {S}: {decode * 1e3:f1} us, {bytes / decode * 1e-6:f0} GB/s; a copy of the same bytes {copy * 1e3:f1} us");

        // Two launches, some microseconds each, whatever there is to read.
        Assert.True(decode < (3 * copy) + 0.03, $"{decode} ms for what a copy moves in {copy} ms");
    }

    private static void Say(FormattableString text) => TestContext.Current.TestOutputHelper?.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    /// <summary>Random operands in bfloat16 on a GPU, and a clock of its own events.</summary>
    private sealed class Case : IDisposable
    {
        private readonly CudaDevice _device;
        private readonly Arena _arena;
        private readonly StepScope _scope;
        private readonly Tensor _q, _k, _v;
        private readonly AttentionSegments _segments;
        private readonly nint _start, _end;

        public Case(CudaDevice device, int T, int S, int H, int K, int D, bool causal)
        {
            _device = device;
            _arena = new Arena(device);
            _scope = new StepScope(device, _arena, record: false);
            _segments = new AttentionSegments([new(0, T, 0, S)], causal);
            (_q, _k, _v) = (Random(1, T, H, D), Random(2, S, K, D), Random(3, S, K, D));
            _start = device.Driver.CreateEvent(timing: true);
            _end = device.Driver.CreateEvent(timing: true);
        }

        public (AttentionArgs Args, AttentionGrad Grad) Args(Compute compute)
        {
            Tensor lse = _scope.New(new Shape(_q.Shape[0], _q.Shape[1]), DType.F32);
            var args = new AttentionArgs(_q, _k, _v, New(_q), lse, _segments, 0.088f, null, compute);
            return (args, new AttentionGrad(Random(4, _q.Shape[0], _q.Shape[1], _q.Shape[2]), New(_q), New(_k), New(_v)));
        }

        /// <summary>Median of some runs, after two that warm up.</summary>
        public double Milliseconds(Action<IKernels> run)
        {
            CudaDriver driver = _device.Driver;
            double[] times = new double[Rounds];
            for (int i = -2; i < Rounds; i++)
            {
                driver.Record(_start, _device.Stream);
                run(_device.Kernels);
                driver.Record(_end, _device.Stream);
                driver.Await(_end);
                if (i >= 0)
                {
                    times[i] = driver.Milliseconds(_start, _end);
                }
            }

            return times.Order().ElementAt(Rounds / 2);
        }

        public void Dispose()
        {
            _device.Driver.DestroyEvent(_start);
            _device.Driver.DestroyEvent(_end);
            _scope.Dispose();
            _arena.Dispose();
        }

        private Tensor New(Tensor like) => _scope.New(like.Shape, DType.BF16);

        private Tensor Random(ulong key, params int[] sizes)
        {
            float[] values = new float[sizes.Aggregate(1, (product, size) => product * size)];
            Rng.FillNormal(values, 1, key);
            Tensor x = _scope.From(values, new Shape(sizes)), y = _scope.New(x.Shape, DType.BF16);
            _device.Kernels.Copy(x, y);
            return y;
        }
    }
}
