using System.Globalization;
using Lorikeet.Tracking;
using Spectre.Console;

namespace Lorikeet.Cli.Terminal;

/// <summary>
/// Shows a run on standard error. On a terminal: a block that is redrawn in place, with a progress bar, the figures of the last step
/// and the loss curve; what should stay (evaluations, checkpoints, notes) is printed above it. Elsewhere: a plain line every few
/// seconds. The closing figures go to standard output.
/// </summary>
internal sealed class ConsoleProgress : IRunListener
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromSeconds(0.1);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(5);
    private const int CurveHeight = 4;
    private const int SamplesShown = 5;

    private readonly CliHost _host;
    private readonly LossCurve _curve = new();
    private readonly EtaEstimator _eta = new();
    private StepTaken? _step;
    private Progressed? _activity;
    private Evaluated? _evaluated;
    private long? _bestStep;
    private string _device = "";
    private int _samplesHidden;
    private long _drawnAt;
    private int _drawnLines;

    /// <summary>Shows a run.</summary>
    public ConsoleProgress(CliHost host)
    {
        _host = host;
    }

    /// <inheritdoc/>
    public void On(RunEvent happened)
    {
        switch (happened)
        {
            case StepTaken step:
                bool isFirst = _step is null;
                (_step, _activity) = (step, null);
                _curve.Add(step.Loss);
                _eta.Add(step);
                Show(isFirst || step.Step == step.Steps);
                break;
            case Progressed progressed:
                _activity = progressed.Total > 0 && progressed.Done >= progressed.Total ? null : progressed;
                Show(isDue: false);
                break;
            case RunFinished finished:
                // The block stays on the screen above the closing figures: it has the loss curve.
                _drawnLines = 0;
                RunSummary.Write(finished, _device, _host);
                break;
            case RunFailed:
                // The block stays: it shows how far the run came. Whoever caught the failure prints the message.
                break;
            case SampleGenerated { Index: > SamplesShown }:
                _samplesHidden++;
                break;
            case Evaluated evaluated:
                if (_samplesHidden > 0)
                {
                    Say([string.Create(CultureInfo.InvariantCulture, $"    {_samplesHidden} further replies are not shown here")]);
                    _samplesHidden = 0;
                }

                _evaluated = evaluated;
                _bestStep = evaluated.IsBest ? evaluated.Step : _bestStep;
                Say(RunSummary.LinesFor(happened));
                break;
            default:
                _device = happened is RunStarted started ? started.Device : _device;
                Say(RunSummary.LinesFor(happened));
                break;
        }
    }

    private void Say(IEnumerable<string> lines)
    {
        Erase();
        foreach (string line in lines)
        {
            _host.Messages.WriteLine(line);
        }

        if (_host.IsLive && _step is not null)
        {
            Show(isDue: true);
        }
    }

    private void Show(bool isDue)
    {
        bool isWaiting = _drawnAt != 0 && _host.Clock.GetElapsedTime(_drawnAt) < (_host.IsLive ? LiveInterval : PlainInterval);
        if (isWaiting && !isDue)
        {
            return;
        }

        _drawnAt = Math.Max(1, _host.Clock.GetTimestamp());
        if (_host.IsLive)
        {
            Redraw();
        }
        else
        {
            _host.Messages.WriteLine(_activity is { } activity && _step is null ? ActivityText(activity) : PlainLine());
        }
    }

    private void Redraw()
    {
        int width = Math.Max(20, _host.Progress.Profile.Width - 1);
        var lines = new List<string>();
        if (_step is { } step)
        {
            lines.Add(BarLine(step, width));
            lines.Add(Markup.Escape(Cut(Figures(step), width)));
            lines.Add(Markup.Escape(Cut(Speed(step) + Evaluation(), width)));
            lines.AddRange(_curve.Draw(Math.Min(width, 100), CurveHeight).Select(line => $"[blue]{Markup.Escape(line)}[/]"));
        }

        if (_activity is { } activity)
        {
            lines.Add(Markup.Escape(Cut(ActivityText(activity), width)));
        }

        Erase();
        foreach (string line in lines)
        {
            _host.Progress.MarkupLine(line);
        }

        _drawnLines = lines.Count;
    }

    private void Erase()
    {
        if (_drawnLines > 0)
        {
            _host.Progress.Write(new ControlCode(string.Create(CultureInfo.InvariantCulture, $"\u001b[{_drawnLines}A\r\u001b[0J")));
            _drawnLines = 0;
        }
    }

    private string BarLine(StepTaken step, int width)
    {
        string left = string.Create(CultureInfo.InvariantCulture, $"step {step.Step}/{step.Steps} ");
        string right = string.Create(CultureInfo.InvariantCulture, $" {100.0 * step.Step / Math.Max(1, step.Steps):0} %  epoch {step.Epoch:0.00}  {Eta(step)}");
        int room = Math.Clamp(width - left.Length - right.Length, 0, 40);
        int full = (int)(room * Math.Clamp((double)step.Step / Math.Max(1, step.Steps), 0, 1));
        return $"{left}[green]{new string('━', full)}[/][grey]{new string('━', room - full)}[/]{right}";
    }

    private string PlainLine() => _step is not { } step ? "" : string.Create(CultureInfo.InvariantCulture,
        $"step {step.Step}/{step.Steps}  epoch {step.Epoch:0.00}  {Figures(step)}  {Speed(step)}  {Eta(step)}") + (_activity is { } activity ? "  " + ActivityText(activity) : "");

    private string Eta(StepTaken step) => _eta.Until(step.Steps) is { } left ? "ETA " + Words.Duration(left) : "ETA -";

    private static string Figures(StepTaken step) => string.Create(CultureInfo.InvariantCulture,
        $"loss {Words.Number(step.Loss)}  lr {step.LearningRate:0.0e+00}  grad norm {Words.Number(step.GradNorm)}");

    private string Speed(StepTaken step) => string.Create(CultureInfo.InvariantCulture,
        $"{step.TokensPerS:0} tokens/s  memory {Words.Bytes(step.Memory.Resident)}, peak {Words.Bytes(step.Memory.PeakResident)}")
        + (RunSummary.IsApart(_device) ? $", {Words.Bytes(RunSummary.Accounted(step.Memory))} kept on {_device}" : "");

    private string Evaluation() => _evaluated is not { } last ? "" : string.Create(CultureInfo.InvariantCulture,
        $"  evaluation {Words.Number(last.Loss)}") + (_bestStep is { } best ? string.Create(CultureInfo.InvariantCulture, $", best at step {best}") : "");

    private static string ActivityText(Progressed activity) => activity.Total > 0
        ? string.Create(CultureInfo.InvariantCulture, $"{activity.Activity} {activity.Done}/{activity.Total}") : activity.Activity;

    private static string Cut(string text, int width) => text.Length <= width ? text : text[..(width - 1)] + "…";
}
