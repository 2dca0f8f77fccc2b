using System.Net;

namespace Lorikeet.Hub;

/// <summary>Why a failure of the hub happened, for those who can go on without it.</summary>
public enum HubFailure
{
    /// <summary>Something else; the message says what.</summary>
    Other,

    /// <summary>No connection, or the server fails and goes on failing.</summary>
    Unreachable,

    /// <summary>No such repository, or no access to it.</summary>
    NotFound,

    /// <summary>The repository has no such revision.</summary>
    NoSuchRevision,

    /// <summary>Access is denied: a token is missing, wrong or without rights, or the repository's terms are not accepted.</summary>
    Denied,
}

/// <summary>Something that the user can do something about: the network, the id, access, the disk, or a server that answers nonsense.</summary>
public sealed class HubException : IOException
{
    /// <summary>A failure with its message.</summary>
    public HubException(string message, HubFailure failure = HubFailure.Other, Exception? inner = null)
        : base(message, inner)
    {
        Failure = failure;
    }

    /// <summary>What kind of failure it is.</summary>
    public HubFailure Failure { get; }

    /// <summary>The server's status code, where it gave one.</summary>
    public HttpStatusCode? Status { get; init; }
}

/// <summary>A failure that may pass: the request is tried again.</summary>
internal sealed class PassingFailure(string message, TimeSpan? retryAfter = null, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True if nobody was there: no such host, no network, a port that nothing listens on.</summary>
    public bool HasNoConnection { get; init; }

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
