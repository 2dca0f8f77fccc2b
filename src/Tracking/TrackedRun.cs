using System.Text.Json.Nodes;

namespace Lorikeet.Tracking;

/// <summary>What trackers write about a run besides its events.</summary>
public sealed record TrackedRun
{
    /// <summary>The run's name for people.</summary>
    public required string Name { get; init; }

    /// <summary>The run's output directory.</summary>
    public required string OutputDir { get; init; }

    /// <summary>The resolved run file.</summary>
    public string RunFile { get; init; } = "";

    /// <summary>The resolved run file as JSON, section by section.</summary>
    public JsonObject Config { get; init; } = [];

    /// <summary>Of the step events, every so many are written, and the first and the last one.</summary>
    public long LoggingSteps { get; init; } = 1;

    /// <summary>The name of the machine in file names and records.</summary>
    public string Host { get; init; } = "local";

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Whether a step is written: every so many, and the first and the last one.</summary>
    internal static bool IsLogged(StepTaken step, long loggingSteps) => step.Step % loggingSteps == 0 || step.Step == 1 || step.Step == step.Steps;

    /// <summary>The host's name as far as it may be part of a file name.</summary>
    internal string SafeHost => Host.Length > 0 && Host.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? Host : "local";
}
