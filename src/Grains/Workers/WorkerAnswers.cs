using System.Collections.Immutable;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Workers;

/// <summary>What a registration did.</summary>
[GenerateSerializer, Alias("mesh.RegisterOutcome")]
public enum RegisterOutcome
{
    /// <summary>The worker was unknown.</summary>
    Created,

    /// <summary>It replaced an earlier registration.</summary>
    Replaced,

    /// <summary>Refused: a newer registration is stored. Nothing was changed.</summary>
    Superseded,

    /// <summary>Refused: the caller's guess of what is stored was wrong. Nothing was changed.</summary>
    Misjudged,
}

/// <summary>The answer to a change of a worker's record.</summary>
/// <param name="Outcome">What it did.</param>
/// <param name="Record">
/// The record now in force; after a removal, the last one. Null only of <see cref="RegisterOutcome.Misjudged"/>.
/// </param>
/// <param name="Versions">The registry versions that show the change: a gateway that has them has seen it.</param>
/// <param name="IncarnationFloor">
/// As in <see cref="Storage.StoredWorker"/>, as far as it is known where the answer comes from; null from a silo of an
/// earlier version.
/// </param>
[GenerateSerializer, Immutable, Alias("mesh.RegisterAnswer")]
public sealed record RegisterAnswer(
    RegisterOutcome Outcome,
    WorkerRecord Record,
    ImmutableArray<RegistryVersion> Versions,
    long? IncarnationFloor = null);

/// <summary>The answer to a heartbeat.</summary>
/// <param name="Outcome">What it did.</param>
/// <param name="Incarnation">The current incarnation; 0 where the worker is unknown.</param>
/// <param name="State">The state the worker is in now.</param>
/// <param name="Lease">How long it counts as alive from now.</param>
/// <param name="Versions">As in <see cref="RegisterAnswer"/>; empty where routing did not change.</param>
[GenerateSerializer, Immutable, Alias("mesh.HeartbeatAnswer")]
public sealed record HeartbeatAnswer(
    HeartbeatOutcome Outcome,
    long Incarnation,
    WorkerState State,
    TimeSpan Lease,
    ImmutableArray<RegistryVersion> Versions)
{
    /// <summary>
    /// The silo that has the worker in memory, by where it listens for gateways (<see cref="SiloServices.HeartbeatsAt"/>).
    /// Of the answers to many heartbeats only the first that is there says it, for all of them. Null where it is not
    /// known or of no use, and from silos of earlier versions.
    /// </summary>
    [Id(0)]
    public SiloAddress? Silo { get; init; }
}

/// <summary>All that the cluster knows of a worker.</summary>
/// <param name="Record">What is stored.</param>
/// <param name="State">The state it is in.</param>
/// <param name="Load">The load it reported last.</param>
/// <param name="ActiveRequests">The requests in flight it reported last.</param>
/// <param name="ReportsDegraded">Whether it says of itself that it is degraded.</param>
/// <param name="FailsCheck">Whether its active health check fails.</param>
/// <param name="HeardAgo">Time since its lease was last renewed.</param>
/// <param name="Counters">What happened since the grain came into memory.</param>
/// <param name="UnreachableFor">As in <see cref="Renewal"/>.</param>
[GenerateSerializer, Immutable, Alias("mesh.WorkerDescription")]
public sealed record WorkerDescription(
    WorkerRecord Record,
    WorkerState State,
    double Load,
    int ActiveRequests,
    bool ReportsDegraded,
    bool FailsCheck,
    TimeSpan HeardAgo,
    WorkerCounters Counters,
    TimeSpan UnreachableFor = default);

/// <summary>Counts since the worker's grain came into memory.</summary>
/// <param name="Heartbeats">Heartbeats accepted.</param>
/// <param name="Revivals">Heartbeats that came after the lease had run out.</param>
/// <param name="HealthChecks">Active checks made.</param>
/// <param name="HealthCheckFailures">Those that failed.</param>
[GenerateSerializer, Immutable, Alias("mesh.WorkerCounters")]
public readonly record struct WorkerCounters(
    long Heartbeats,
    long Revivals,
    long HealthChecks,
    long HealthCheckFailures);
