using System.Collections.Immutable;
using Orleans.Concurrency;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Grains.Workers;

[StatelessWorker]
internal sealed class WorkerListingGrain(IWorkerStore store) : Grain, IWorkerListingGrain
{
    /// <summary>
    /// The most records looked at for one page: a rare state must not make one request scan everything.
    /// </summary>
    private const int MaxLookedAt = 5000;
    private const int AskedAtOnce = 250;

    public async Task<WorkerListing> List(WorkerQuery query)
    {
        var found = ImmutableArray.CreateBuilder<WorkerDescription>();
        var after = query.After;
        for (var lookedAt = 0; lookedAt < MaxLookedAt;)
        {
            var size = query.State is null ? Math.Min(query.Limit - found.Count, AskedAtOnce) : AskedAtOnce;
            var page = await store.ReadPageAsync(
                new(size, after, query.Service, query.Zone), CancellationToken.None);
            var described = await Task.WhenAll(
                page.Select(record => GrainFactory.GetGrain<IWorkerGrain>(record.Id.Value).Describe()));
            for (var i = 0; i < page.Count; i++)
            {
                after = page[i].Id;
                if (described[i] is { } worker && Matches(worker, query))
                {
                    found.Add(worker);
                }

                if (found.Count == query.Limit)
                {
                    return new(found.DrainToImmutable(), after);
                }
            }

            if (page.Count < size)
            {
                return new(found.DrainToImmutable(), null);
            }

            lookedAt += page.Count;
        }

        return new(found.DrainToImmutable(), after);
    }

    /// <summary>The grain may know a newer registration than the page that was read.</summary>
    private static bool Matches(WorkerDescription worker, WorkerQuery query) =>
        (query.State is null || worker.State == query.State)
        && (query.Zone is null || worker.Record.Registration.Zone == query.Zone)
        && (query.Service is not { } service || worker.Record.Registration.RegistryKeys.Contains(service));
}
