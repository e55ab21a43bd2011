namespace WorkerMesh.Grains.Workers;

/// <summary>What a worker reports to renew its lease. An absent member leaves what was reported before.</summary>
[GenerateSerializer, Immutable, Alias("mesh.Heartbeat")]
public sealed record Heartbeat
{
    /// <summary>The incarnation that the sender was given; absent is taken for the current one.</summary>
    [Id(0)]
    public long? Incarnation { get; init; }

    /// <summary>Whether the worker says of itself that it is degraded.</summary>
    [Id(1)]
    public bool? Degraded { get; init; }

    /// <summary>How loaded it is: 0 is idle, 1 is full; finite, not negative, and may exceed 1.</summary>
    [Id(2)]
    public double? CurrentLoad { get; init; }

    /// <summary>Requests it has in flight, from all gateways; 0 or more.</summary>
    [Id(3)]
    public int? ActiveRequests { get; init; }
}
