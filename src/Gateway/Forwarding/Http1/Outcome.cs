namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>What became of a connection that a request was sent on.</summary>
internal enum Outcome
{
    /// <summary>It can't be used again.</summary>
    Failed,

    /// <summary>The answer was read to its end, and another request may follow.</summary>
    Reusable,

    /// <summary>
    /// If it rested before, the worker may just have closed it: the request may be sent once more, on a new one, because
    /// nothing was sent or because doing it twice does no harm.
    /// </summary>
    Stale,
}
