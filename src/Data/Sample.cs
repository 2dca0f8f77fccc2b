using Lorikeet.Text.Chat;

namespace Lorikeet.Data;

/// <summary>One row as a conversation with pictures and videos, whatever format it came in.</summary>
public sealed record Sample
{
    /// <summary>
    /// The conversation: perhaps a system message, then user and assistant (and tool) in turn, ending with an answer. Pictures stand as
    /// <see cref="ImagePart"/> without a source; the n-th of them is the n-th of <see cref="Images"/>. So do videos as <see cref="VideoPart"/>.
    /// </summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>The pictures in the order of their places in <see cref="Messages"/>; empty for text alone.</summary>
    public required IReadOnlyList<ImageSource> Images { get; init; }

    /// <summary>The videos in the order of their places in <see cref="Messages"/>.</summary>
    public IReadOnlyList<VideoSource> Videos { get; init; } = [];

    /// <summary>
    /// Right answers to the last question, where the row lists several (<c>answers</c> or <c>references</c>); empty where the last message
    /// is the only one. Evaluations compare with them.
    /// </summary>
    public IReadOnlyList<string> References { get; init; } = [];

    /// <summary>Place of the row for messages, <c>file:line</c>.</summary>
    public required string Origin { get; init; }

    /// <summary>0-based number of the row in its file; stable under shuffling and slicing.</summary>
    public required long RowId { get; init; }

    /// <summary>The row's <c>task_type</c>, if it has one; noted, and not used in training.</summary>
    public string? Task { get; init; }
}
