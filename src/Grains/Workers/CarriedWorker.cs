using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// What a worker's grain takes along where it moves to another silo: all that is known of the worker, so that neither the
/// store is read nor anything forgotten. Times are of the monotonic clock of the silo that it leaves.
/// </summary>
[GenerateSerializer, Immutable, Alias("mesh.CarriedWorker")]
internal sealed record CarriedWorker
{
    /// <summary>When the rest was so.</summary>
    [Id(0)]
    public required TimeSpan At { get; init; }

    [Id(1)]
    public required WorkerRecord Record { get; init; }

    [Id(2)]
    public required long IncarnationFloor { get; init; }

    [Id(3)]
    public required Liveness Liveness { get; init; }

    [Id(4)]
    public required bool IsHeard { get; init; }

    [Id(5)]
    public required Suspicion Suspicion { get; init; }

    [Id(6)]
    public required WorkerCounters Counters { get; init; }

    [Id(7)]
    public required Guid[] EarlierOperations { get; init; }

    /// <summary>The registries that have yet to hear what became of it.</summary>
    [Id(8)]
    public ImmutableArray<ServiceType> Owed { get; init; } = [];
}
