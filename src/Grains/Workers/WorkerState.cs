namespace WorkerMesh.Grains.Workers;

/// <summary>The states of a worker, in the order in which gateways prefer them.</summary>
[GenerateSerializer, Alias("mesh.WorkerState")]
public enum WorkerState
{
    /// <summary>Routed to.</summary>
    Online,

    /// <summary>
    /// Says so itself, fails its active check, or went quiet together with most others: routed to only where no online
    /// worker is left.
    /// </summary>
    Degraded,

    /// <summary>Taken out by an operator: not routed to, in-flight requests finish, still listed.</summary>
    Draining,

    /// <summary>Its lease ran out: not routed to, record kept for a while.</summary>
    Offline,
}

/// <summary>What follows from a state.</summary>
public static class WorkerStates
{
    /// <summary>Whether a worker in this state counts as healthy: it is routed to, at least where no better one is left.</summary>
    public static bool IsHealthy(this WorkerState state) => state is WorkerState.Online or WorkerState.Degraded;
}
