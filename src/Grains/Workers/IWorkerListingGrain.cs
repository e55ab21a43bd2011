using System.Collections.Immutable;
using Orleans.Concurrency;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Pages through all workers. A stateless worker (key 0): the store gives the order, the worker grains the states.
/// </summary>
[Alias("mesh.IWorkerListingGrain")]
public interface IWorkerListingGrain : IGrainWithIntegerKey
{
    [ReadOnly, Alias("List")]
    Task<WorkerListing> List(WorkerQuery query);
}

/// <summary>Which workers a page holds, in the ordinal order of their ids.</summary>
/// <param name="Limit">At most so many, 1 to 1000.</param>
/// <param name="After">Only ids after this one.</param>
/// <param name="Service">Only those that offer it.</param>
/// <param name="State">Only those in this state.</param>
/// <param name="Zone">Only those of this zone.</param>
[GenerateSerializer, Immutable, Alias("mesh.WorkerQuery")]
public sealed record WorkerQuery(int Limit, WorkerId? After, ServiceType? Service, WorkerState? State, string? Zone);

/// <summary>A page of workers.</summary>
/// <param name="Workers">The workers.</param>
/// <param name="Next">
/// Where the next page goes on; null at the end. A page may be short, even empty, and yet not the last.
/// </param>
[GenerateSerializer, Immutable, Alias("mesh.WorkerListing")]
public sealed record WorkerListing(ImmutableArray<WorkerDescription> Workers, WorkerId? Next);
