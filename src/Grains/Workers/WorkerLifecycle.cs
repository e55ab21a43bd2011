namespace WorkerMesh.Grains.Workers;

/// <summary>
/// The decisions about one worker, as functions of what is known and the time. Guards come first and in one order
/// everywhere: unknown, stale incarnation, then the change.
/// </summary>
internal static class WorkerLifecycle
{
    /// <summary>
    /// The state that follows from what is known: a lapsed lease outweighs draining, draining outweighs degraded.
    /// </summary>
    /// <param name="leaseRuns">Whether the lease runs.</param>
    /// <param name="suspected">Whether the lease ran out together with most others', which likely is our fault.</param>
    /// <param name="draining">Whether an operator took it out.</param>
    /// <param name="degraded">Whether it says so itself or fails its check.</param>
    public static WorkerState StateOf(bool leaseRuns, bool suspected, bool draining, bool degraded) =>
        (leaseRuns, suspected, draining, degraded) switch
        {
            (false, false, _, _) => WorkerState.Offline,
            (_, _, true, _) => WorkerState.Draining,
            (false, true, _, _) => WorkerState.Degraded,
            (true, _, _, true) => WorkerState.Degraded,
            (true, _, _, false) => WorkerState.Online,
        };

    /// <summary>Whether a registration may replace the stored one.</summary>
    /// <param name="current">What is stored, or null.</param>
    /// <param name="expected">The incarnation that the sender believes current, if it says one.</param>
    public static bool MayRegister(WorkerRecord? current, long? expected) =>
        current is null || expected is null || expected >= current.Incarnation;

    /// <summary>The number of the next registration of an id: above all that this id ever had.</summary>
    public static long NextIncarnation(WorkerRecord? current, long floor) => (current?.Incarnation ?? floor) + 1;

    /// <summary>Applies a heartbeat.</summary>
    public static HeartbeatDecision Apply(WorkerRecord? record, Liveness known, Heartbeat beat, TimeSpan now)
    {
        if (record is null)
        {
            return new(HeartbeatOutcome.Unknown, known, Announce: false);
        }

        if (beat.Incarnation is { } incarnation && incarnation != record.Incarnation)
        {
            // A higher one than was ever given out is as wrong as a lower one.
            return new(HeartbeatOutcome.Superseded, known, Announce: false);
        }

        var next = known.After(beat, now);
        var revived = !known.LeaseRuns(record.Registration.Lease, now);
        return new(HeartbeatOutcome.Renewed, next, Announce: revived || next.Degraded != known.Degraded);
    }

    /// <summary>Whether a record whose lease ran out has been kept long enough.</summary>
    public static bool MayForget(WorkerRecord record, Liveness known, TimeSpan retention, TimeSpan now) =>
        now - known.HeardAt >= record.Registration.Lease + retention;
}

/// <summary>What a heartbeat did.</summary>
[GenerateSerializer, Alias("mesh.HeartbeatOutcome")]
public enum HeartbeatOutcome
{
    /// <summary>The lease is renewed.</summary>
    Renewed,

    /// <summary>No such worker: it has to register.</summary>
    Unknown,

    /// <summary>Another process has taken the id over.</summary>
    Superseded,
}

/// <summary>The outcome of a heartbeat.</summary>
/// <param name="Outcome">What it did.</param>
/// <param name="Next">What is known from now on.</param>
/// <param name="Announce">
/// Whether the registries must hear at once, not with the next batch, because routing changes.
/// </param>
internal readonly record struct HeartbeatDecision(HeartbeatOutcome Outcome, Liveness Next, bool Announce);
