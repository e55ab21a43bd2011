using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// A point in the history of one service type's instances. Versions only grow; an epoch is one activation of the
/// registry, whose versions begin above those of any activation before it (microseconds of the wall clock).
/// </summary>
/// <param name="ServiceType">The service type.</param>
/// <param name="Epoch">Which activation; random.</param>
/// <param name="Version">The number of the change; fits a JSON number exactly.</param>
[GenerateSerializer, Immutable, Alias("mesh.RegistryVersion")]
public readonly record struct RegistryVersion(ServiceType ServiceType, long Epoch, long Version);

/// <summary>A worker that joins a registry.</summary>
/// <param name="Record">Its record.</param>
/// <param name="Renewal">Its lease and load.</param>
[GenerateSerializer, Immutable, Alias("mesh.Joining")]
public sealed record Joining(WorkerRecord Record, Renewal Renewal)
{
    /// <summary>
    /// Whether all that the sender knows is that the worker was stored: whoever else has told of this incarnation knows
    /// more.
    /// </summary>
    [Id(0)]
    public bool IsFirst { get; init; }
}

/// <summary>A worker that joins a registry, or leaves it.</summary>
/// <param name="Id">The worker.</param>
/// <param name="Incarnation">The incarnation that joins; the last one that leaves.</param>
/// <param name="Joining">What joins; null where it leaves.</param>
[GenerateSerializer, Immutable, Alias("mesh.MembershipChange")]
public readonly record struct MembershipChange(WorkerId Id, long Incarnation, Joining? Joining);

/// <summary>What changed at one instance.</summary>
/// <param name="Id">The worker.</param>
/// <param name="Incarnation">Its incarnation.</param>
/// <param name="Removed">Whether it is gone; the other members then are what they were last.</param>
/// <param name="State">Its state.</param>
/// <param name="Load">Its reported load.</param>
/// <param name="ActiveRequests">Its reported requests in flight.</param>
/// <param name="AddedVersion">The version at which it joined.</param>
/// <param name="Version">The version at which it last changed.</param>
/// <param name="Registration">Its registration; null where the receiver has it from an earlier version.</param>
/// <param name="Unreachable">Whether some gateway can't connect to it.</param>
[GenerateSerializer, Immutable, Alias("mesh.InstanceChange")]
public sealed record InstanceChange(
    WorkerId Id,
    long Incarnation,
    bool Removed,
    WorkerState State,
    double Load,
    int ActiveRequests,
    long AddedVersion,
    long Version,
    Registration? Registration,
    bool Unreachable = false);

/// <summary>The changes of one service type's instances from one version to another.</summary>
/// <param name="ServiceType">The service type.</param>
/// <param name="Epoch">The registry's activation.</param>
/// <param name="From">The version the receiver must have; 0 where this is the whole list.</param>
/// <param name="To">The version the receiver then has.</param>
/// <param name="Changes">One entry for each instance that changed, oldest change first.</param>
[GenerateSerializer, Immutable, Alias("mesh.InstanceChanges")]
public sealed record InstanceChanges(
    ServiceType ServiceType,
    long Epoch,
    long From,
    long To,
    ImmutableArray<InstanceChange> Changes)
{
    /// <summary>Whether this is the whole list, to replace what the receiver has.</summary>
    public bool IsFull => From == 0;
}

/// <summary>The answer to a batch of renewals.</summary>
/// <param name="Version">The version that shows them.</param>
/// <param name="Unknown">
/// The workers that this registry does not hold at that incarnation: their grains must join them again.
/// </param>
[GenerateSerializer, Immutable, Alias("mesh.RenewalAnswer")]
public sealed record RenewalAnswer(RegistryVersion Version, ImmutableArray<WorkerId> Unknown);

/// <summary>When a worker was last heard from.</summary>
/// <param name="Id">The worker.</param>
/// <param name="Ago">Time since then.</param>
[GenerateSerializer, Immutable, Alias("mesh.Heard")]
public readonly record struct Heard(WorkerId Id, TimeSpan Ago);

/// <summary>How many workers are in each state.</summary>
[GenerateSerializer, Immutable, Alias("mesh.StateCounts")]
public readonly record struct StateCounts(int Online, int Degraded, int Draining, int Offline)
{
    public int Total => Online + Degraded + Draining + Offline;

    /// <summary>Those whose state <see cref="WorkerStates.IsHealthy"/>.</summary>
    public int Healthy => Online + Degraded;

    public static StateCounts operator +(StateCounts a, StateCounts b) =>
        new(a.Online + b.Online, a.Degraded + b.Degraded, a.Draining + b.Draining, a.Offline + b.Offline);

    /// <summary>The same with one state's number moved by <paramref name="by"/>.</summary>
    public StateCounts Move(WorkerState state, int by) => state switch
    {
        WorkerState.Online => this with { Online = Online + by },
        WorkerState.Degraded => this with { Degraded = Degraded + by },
        WorkerState.Draining => this with { Draining = Draining + by },
        _ => this with { Offline = Offline + by },
    };
}

/// <summary>What a registry tells the catalog of itself.</summary>
/// <param name="ServiceType">The service type.</param>
/// <param name="Workers">Its workers by state.</param>
/// <param name="Primary">
/// Those of them for which this is the first registry key, so that summing over service types counts each worker once.
/// </param>
[GenerateSerializer, Immutable, Alias("mesh.ServiceReport")]
public sealed record ServiceReport(ServiceType ServiceType, StateCounts Workers, StateCounts Primary);
