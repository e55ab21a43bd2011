namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>How far a parser came with what was received.</summary>
internal enum Parsed
{
    /// <summary>It may be well-formed, but is not whole yet.</summary>
    Part,

    Whole,

    /// <summary>Whatever follows, it is not well-formed, or beyond a limit.</summary>
    Malformed,
}
