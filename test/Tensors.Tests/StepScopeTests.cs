using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Tests;

public sealed class StepScopeTests
{
    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void After_every_step_as_many_bytes_live_as_before(string device)
    {
        using var bench = new Network(device);
        long weights = bench.Arena.Account.Live, reserved = 0;
        for (int step = 0; step < 3; step++)
        {
            bench.Step(checkpoint: step == 1, dropout: 0.1f);
            Assert.True(bench.Arena.Account.LiveOf(MemoryUse.Gradients) > 0);
            bench.ClearGradients();
            Assert.Equal(weights, bench.Arena.Account.Live);
            reserved = step == 0 ? bench.Arena.Reserved : reserved;
            Assert.Equal(reserved, bench.Arena.Reserved);
        }
    }

    [Fact]
    public void Recomputing_blocks_changes_no_bit_and_needs_less_memory()
    {
        using var bench = new Network("cpu");
        bench.Arena.Account.ResetPeak();
        float[][] kept = bench.Step(checkpoint: false, dropout: 0.3f);
        long peak = bench.Arena.Account.Peak;
        bench.ClearGradients();
        bench.Arena.Account.ResetPeak();
        float[][] recomputed = bench.Step(checkpoint: true, dropout: 0.3f);
        Assert.Equal(kept, recomputed);
        Assert.True(bench.Arena.Account.Peak < peak * 0.8, $"{bench.Arena.Account.Peak} bytes against {peak}");
    }

    [Fact]
    public void A_recomputed_block_still_has_the_row_keys_of_a_frame_that_is_gone()
    {
        using var bench = new Network("cpu");
        float[][] kept = bench.Step(checkpoint: false, dropout: 0.3f);
        bench.ClearGradients();
        Assert.Equal(kept, bench.Step(checkpoint: true, dropout: 0.3f, keysInFrame: true));
    }

    [Fact]
    public void Gradients_of_parameters_add_up_over_scopes()
    {
        using var bench = new Network("cpu");
        float[][] once = bench.Step(checkpoint: false, dropout: 0f);
        float[][] twice = bench.Step(checkpoint: false, dropout: 0f);
        for (int i = 0; i < once.Length; i++)
        {
            TensorAssert.Close(twice[i], Array.ConvertAll(once[i], g => 2 * g), 1e-5, 1e-6);
        }
    }

    [Fact]
    public void A_frame_frees_everything_but_its_result()
    {
        using var t = new TestScope("cpu");
        Tensor? inner = null;
        long before = t.Arena.Account.Live;
        Tensor result = t.Scope.Frame(() =>
        {
            inner = t.Scope.New(new Shape(1024));
            Tensor y = t.Scope.New(new Shape(1024));
            t.Kernels.Fill(y, 3f);
            return y;
        });
        Assert.Equal(before + 4096, t.Arena.Account.Live);
        Assert.Equal(3f, result.ToHost<float>()[7]);
        Assert.Throws<ObjectDisposedException>(() => inner!.Address);
    }

    [Fact]
    public void A_failure_inside_a_frame_leaves_nothing_behind()
    {
        using var t = new TestScope("cpu", record: true);
        long before = t.Arena.Account.Live;
        Assert.Throws<InvalidOperationException>(() => t.Scope.Frame(() =>
        {
            t.Scope.New(new Shape(1000));
            throw new InvalidOperationException();
        }));
        Assert.Equal(before, t.Arena.Account.Live);
    }

    [Fact]
    public void Cancelling_stops_between_ops_and_memory_comes_back()
    {
        using var t = new TestScope("cpu");
        using var source = new CancellationTokenSource();
        long before = t.Arena.Account.Live;
        using (var scope = new StepScope(t.Device, t.Arena, record: true) { Cancellation = source.Token })
        {
            scope.New(new Shape(100));
            source.Cancel();
            Assert.Throws<OperationCanceledException>(() => scope.New(new Shape(100)));
        }

        Assert.Equal(before, t.Arena.Account.Live);
    }

    [Fact]
    public void A_backward_pass_that_leads_nowhere_is_an_error()
    {
        using var t = new TestScope("cpu", record: true);
        Tensor x = t.Normal(new Shape(3), 1);
        var e = Assert.Throws<InvalidOperationException>(() => t.Scope.Backward((Sum.Forward(t.Scope, x), 1f)));
        Assert.Contains("does not depend on any trained parameter", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dropout_without_row_keys_is_an_error_not_a_surprise()
    {
        using var bench = new Network("cpu");
        using var scope = new StepScope(bench.Device, bench.Arena, record: false) { Training = true };
        Tensor x = scope.Zeros(new Shape(2, 8)), y = scope.Zeros(new Shape(2, 8));
        var factors = new LowRankFactors(scope.Zeros(new Shape(2, 8)), scope.Zeros(new Shape(8, 2)), 1f, 0.1f, 1);
        var e = Assert.Throws<InvalidOperationException>(() => LowRankUpdate.Forward(scope, x, y, factors));
        Assert.Contains("no random keys", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Four residual blocks with norms, frozen matrices and low-rank updates.</summary>
    private sealed class Network : IDisposable
    {
        private const int Width = 32, Tokens = 24, Blocks = 4;
        private readonly TestScope _owner;
        private readonly Tensor[] _norms = new Tensor[Blocks], _frozen = new Tensor[Blocks], _a = new Tensor[Blocks], _b = new Tensor[Blocks];

        public Network(string device)
        {
            _owner = new TestScope(device);
            var parameters = new Parameters(Device, Arena);
            for (int i = 0; i < Blocks; i++)
            {
                _norms[i] = parameters.NewTrained(new Shape(Width), Values(Width, 1, 10 + i));
                _frozen[i] = _owner.Normal(new Shape(Width, Width), 20 + (ulong)i, 0.2f);
                _a[i] = parameters.NewTrained(new Shape(4, Width), Values(4 * Width, 0.2f, 30 + i));
                _b[i] = parameters.NewTrained(new Shape(Width, 4), Values(4 * Width, 0.2f, 40 + i));
            }
        }

        public IDevice Device => _owner.Device;

        public Arena Arena => _owner.Arena;

        private IEnumerable<Tensor> Trained => _norms.Concat(_a).Concat(_b);

        public float[][] Step(bool checkpoint, float dropout, bool keysInFrame = false)
        {
            using var scope = new StepScope(Device, Arena, record: true) { Training = true };
            Tensor y = keysInFrame ? scope.Frame(() => Forward(scope, checkpoint, dropout)) : Forward(scope, checkpoint, dropout);
            scope.Backward((Sum.Forward(scope, y), 1f));
            return [.. Trained.Select(p => p.Grad!.ToHost<float>())];
        }

        public void ClearGradients()
        {
            foreach (Tensor parameter in Trained)
            {
                Parameters.ClearGradient(parameter);
            }
        }

        public void Dispose() => _owner.Dispose();

        private Tensor Forward(StepScope scope, bool checkpoint, float dropout)
        {
            long[] keys = [.. Enumerable.Range(0, Tokens).Select(i => (long)i)];
            scope.RowKeys = scope.From<long>(keys, new Shape(Tokens), DType.I64);
            Tensor x = scope.From(Values(Tokens * Width, 1f, 5), new Shape(Tokens, Width));
            for (int i = 0; i < Blocks; i++)
            {
                int layer = i;
                x = checkpoint ? scope.Checkpoint(inputs => Block(scope, inputs[0], layer, dropout), true, x) : Block(scope, x, layer, dropout);
            }

            return x;
        }

        private Tensor Block(StepScope scope, Tensor x, int layer, float dropout)
        {
            Tensor n = RmsNorm.Forward(scope, x, _norms[layer], 1e-5f);
            Tensor y = Linear.Forward(scope, n, new DenseWeight(_frozen[layer]), null);
            LowRankUpdate.Forward(scope, n, y, new LowRankFactors(_a[layer], _b[layer], 2f, dropout, (ulong)layer));
            return Add.Forward(scope, x, Activation.Forward(scope, ActivationKind.Silu, y));
        }

        private static float[] Values(int n, float deviation, int key)
        {
            float[] values = new float[n];
            Rng.FillNormal(values, deviation, (ulong)key);
            return values;
        }
    }
}
