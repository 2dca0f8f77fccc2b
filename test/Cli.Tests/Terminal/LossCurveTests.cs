using Lorikeet.Cli.Terminal;

namespace Lorikeet.Cli.Tests.Terminal;

public sealed class LossCurveTests
{
    [Fact]
    public void A_falling_loss_falls()
    {
        var curve = new LossCurve();
        Assert.Empty(curve.Draw(40, 2));
        for (int i = 0; i < 16; i++)
        {
            curve.Add(16 - i);
        }

        Assert.Equal(["16.00 │█▇▆▅▄▃▂▁        ", " 1.00 │█████████▇▆▅▄▃▂▁"], curve.Draw(40, 2));
    }

    [Fact]
    public void It_never_is_wider_than_asked_for_however_long_the_run()
    {
        var curve = new LossCurve();
        for (int i = 0; i < 100_000; i++)
        {
            curve.Add(Math.Sin(i / 500.0));
        }

        Assert.All(curve.Draw(50, 4), line => Assert.True(line.Length <= 50));
        Assert.Equal(50, curve.Draw(50, 4)[0].Length + 1);
    }

    [Fact]
    public void Losses_that_are_no_number_leave_no_trace_and_a_flat_loss_is_flat()
    {
        var curve = new LossCurve();
        double[] losses = [1, double.NaN, double.PositiveInfinity, 1, 1];
        Array.ForEach(losses, curve.Add);
        Assert.Equal(["1.00 │   ", "1.00 │███"], curve.Draw(40, 2));
    }
}
