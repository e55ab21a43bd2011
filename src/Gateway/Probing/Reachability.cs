namespace WorkerMesh.Gateway.Probing;

internal enum ReachabilityStatus
{
    Reachable,
    Unreachable,
    Unchecked,
}

/// <summary>What a check found.</summary>
/// <param name="Status">Whether a candidate can be connected to.</param>
/// <param name="Url">The most preferred one that can.</param>
/// <param name="Detail">For each candidate that can't be, the step that failed and what to do.</param>
/// <param name="Candidate">The index of <paramref name="Url"/> among the candidates; -1 where there is none.</param>
internal sealed record Reachability(ReachabilityStatus Status, string? Url, string? Detail, int Candidate)
{
    public static Reachability Unchecked(string? detail) => new(ReachabilityStatus.Unchecked, null, detail, -1);
}
