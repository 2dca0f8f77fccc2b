namespace Lorikeet.Hub;

/// <summary>What a pull tells while it works. Events come one at a time, from any thread.</summary>
public abstract record PullEvent;

/// <summary>The plan: what will be fetched.</summary>
/// <param name="Commit">The commit that the revision stands for.</param>
/// <param name="Files">Files to fetch.</param>
/// <param name="Bytes">Their bytes, less what is there from an earlier try.</param>
/// <param name="Kept">Bytes of files that an earlier try left behind and that are not fetched again.</param>
/// <param name="Present">Files that are there already.</param>
public sealed record PullPlanned(string Commit, int Files, long Bytes, long Kept, int Present) : PullEvent;

/// <summary>Bytes have arrived.</summary>
/// <param name="Bytes">How many since the last event.</param>
public sealed record PullAdvanced(long Bytes) : PullEvent;

/// <summary>A file is whole, checked and in its place.</summary>
/// <param name="Path">Its path in the repository.</param>
/// <param name="Bytes">Its size.</param>
public sealed record PullFileDone(string Path, long Bytes) : PullEvent;

/// <summary>Something the user should know: a retry, a file that is left out, a wait.</summary>
/// <param name="Text">One sentence.</param>
public sealed record PullNote(string Text) : PullEvent;
