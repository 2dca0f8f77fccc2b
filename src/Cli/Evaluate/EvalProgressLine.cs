using System.Globalization;
using Lorikeet.Cli.Terminal;
using Lorikeet.Evaluation;

namespace Lorikeet.Cli.Evaluate;

/// <summary>How far an evaluation has come, on standard error: one line that is redrawn on a terminal, else a line every few seconds.</summary>
internal sealed class EvalProgressLine(CliHost host, string activity)
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromSeconds(0.2);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);
    private readonly long _began = host.Clock.GetTimestamp();
    private long _shownAt = host.Clock.GetTimestamp();
    private int? _first;
    private int _width;

    /// <summary>Shows progress if it is time to.</summary>
    public void On(EvaluationProgress progress)
    {
        _first ??= progress.Done - 1;
        if (host.Clock.GetElapsedTime(_shownAt) < (host.IsLive ? LiveInterval : PlainInterval) && progress.Done < progress.Total)
        {
            return;
        }

        _shownAt = host.Clock.GetTimestamp();
        double seconds = host.Clock.GetElapsedTime(_began).TotalSeconds;
        int done = progress.Done - _first.Value, left = progress.Total - progress.Done;
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{activity} {progress.Done}/{progress.Total}  {progress.Tokens / Math.Max(seconds, 1e-9):0} tokens/s  {(left == 0 ? Words.Duration(TimeSpan.FromSeconds(seconds)) : "ETA " + Words.Duration(TimeSpan.FromSeconds(seconds / done * left)))}");
        if (!host.IsLive)
        {
            host.Messages.WriteLine(text);
            return;
        }

        host.Messages.Write("\r" + text.PadRight(_width));
        _width = text.Length;
        if (left == 0)
        {
            host.Messages.WriteLine();
        }
    }
}
