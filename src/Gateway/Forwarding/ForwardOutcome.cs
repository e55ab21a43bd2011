namespace WorkerMesh.Gateway.Forwarding;

/// <summary>How a forwarded request ended.</summary>
internal enum ForwardOutcome
{
    /// <summary>A worker answered, with whatever status, and the client got all of it.</summary>
    Answered,

    /// <summary>No worker could be chosen: 503.</summary>
    NoWorker,

    /// <summary>
    /// Every worker had as many requests in flight as it takes, and no place became free in time, or too many waited
    /// already: 429.
    /// </summary>
    Refused,

    /// <summary>A worker was busy, and those that were asked instead did not answer: 503.</summary>
    Busy,

    /// <summary>This gateway has no memory for its body, or as many connections open as it may: 503.</summary>
    NoRoom,

    /// <summary>No connection to a worker could be made: 502.</summary>
    Unreachable,

    /// <summary>A worker may have got it, and broke off before it answered, or gave no valid answer: 502.</summary>
    Unanswered,

    /// <summary>No worker answered in time: 504.</summary>
    TimedOut,

    /// <summary>
    /// The worker's answer broke off after it had begun: the client's connection is reset, for a whole answer it is
    /// not.
    /// </summary>
    Broken,

    /// <summary>The client went away.</summary>
    ClientGone,
}
