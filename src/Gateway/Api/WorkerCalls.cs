using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Networking;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// The calls about workers that all dialects of the API share. A change is answered once this gateway shows it too, so
/// that who made it finds it here. Clients that leave do not cancel what they began.
/// </summary>
/// <param name="cluster">Makes the calls.</param>
/// <param name="routes">What this gateway shows.</param>
/// <param name="silos">Renews leases without the workers' grains, where there is no silo in this process.</param>
/// <param name="registries">Renews leases where the workers' grains can't.</param>
/// <param name="newcomers">Registers new workers without their grains, where there is no silo in this process.</param>
/// <param name="clock">Tells when a grain is late.</param>
/// <param name="options">Say which threads requests run on.</param>
/// <param name="here">The workers of the silo in this process; null where there is none.</param>
/// <param name="direct">Registers them without their grains; null where there is no silo in this process.</param>
internal sealed partial class WorkerCalls(
    ClusterCalls cluster,
    RouteTable routes,
    SiloHeartbeats silos,
    RegistryHeartbeats registries,
    SiloRegistrations newcomers,
    TimeProvider clock,
    IOptions<GatewayOptions> options,
    LiveWorkers? here = null,
    DirectRegistrations? direct = null)
{
    /// <summary>The most workers that reports about all of them look at.</summary>
    private const int MaxListed = 10_000;

    private readonly HighestFloor floor = new();

    /// <summary>Whether requests leave a thread that must not be blocked by themselves.</summary>
    private readonly bool mayStay = options.Value.InlineCompletions;

    public async Task<RegisterAnswer> Register(
        WorkerId id, Registration registration, long? expectedIncarnation, bool assign)
    {
        var operationId = NewOperationId();
        var answer = await cluster.Call(
            async (grains, attempt) =>
            {
                if (direct is not null && !assign
                    && await direct.TryRegister(id, registration, operationId, expectedIncarnation) is { } done)
                {
                    return done;
                }

                var basis = BasisGuess(id, expectedIncarnation, attempt);
                if (basis is not null)
                {
                    var first = basis < 0 && !assign && registration.Health is null
                        ? await AddNew(new(id, registration, operationId), ~basis.Value)
                        : await (await Grain()).Register(
                            registration, operationId, expectedIncarnation, assign, basis, guessed: true);
                    floor.Learn(first?.IncarnationFloor);
                    if (first is not null && first.Outcome != RegisterOutcome.Misjudged)
                    {
                        return first;
                    }

                    basis = first?.Record?.Incarnation ?? ~first?.IncarnationFloor;
                }

                var worker = await Grain();
                return await worker.Register(
                    registration, operationId, expectedIncarnation, assign, basis ?? await Basis(worker));

                async Task<IWorkerGrain> Grain()
                {
                    await PoolThread.Enter();
                    return Worker(grains, id);
                }
            },
            CancellationToken.None);
        await routes.CatchUp(answer.Versions);
        if (!mayStay)
        {
            // It may be the store's: what the connection brings next is not to run there.
            await PoolThread.Enter();
        }

        return answer;
    }

    /// <summary>Null where the worker is unknown.</summary>
    public async Task<RegisterAnswer?> SetDraining(WorkerId id, bool draining)
    {
        var answer = await Change(id, (worker, basis) => worker.SetDraining(draining, basis));
        await routes.CatchUp(answer?.Versions ?? []);
        return answer;
    }

    /// <summary>False where the worker was unknown.</summary>
    public async Task<bool> Unregister(WorkerId id)
    {
        var attempts = 0;
        var answer = await Change(id, (worker, basis) =>
        {
            attempts++;
            return worker.Unregister(basis);
        });
        await routes.CatchUp(answer?.Versions ?? []);
        // Gone after a first call whose outcome is unknown: most likely that call's doing.
        return answer is not null || attempts > 1;
    }

    public Task<WorkerDescription?> Describe(WorkerId id) =>
        cluster.Call(grains => Worker(grains, id).Describe(), CancellationToken.None);

    public Task<WorkerListing> List(WorkerQuery query) =>
        cluster.Call(grains => grains.GetGrain<IWorkerListingGrain>(0).List(query), CancellationToken.None);

    /// <summary>All workers, for the reports that know no pages: the first 10,000 by id.</summary>
    public async Task<IReadOnlyList<WorkerDescription>> ListAll()
    {
        var all = new List<WorkerDescription>();
        for (WorkerId? after = null; all.Count < MaxListed;)
        {
            var page = await List(new(1000, after, null, null, null));
            all.AddRange(page.Workers);
            after = page.Next;
            if (after is null)
            {
                break;
            }
        }

        return all;
    }

    /// <summary>Requests that this gateway has in flight at a worker.</summary>
    public int InFlight(WorkerId id) => routes.Links.Find(id)?.InFlight ?? 0;

    /// <summary>Null where no silo answered: then it is not known what became of it.</summary>
    private async Task<RegisterAnswer?> AddNew(NewWorker worker, long known)
    {
        var added = await newcomers.Add(worker, known);
        return added.Failure is { } failure
            ? throw new StoreUnavailableException(failure) { NotBegun = added.NotBegun }
            : added.Answer;
    }

    /// <summary>
    /// Each attempt says what it is based on, so that one that arrives late changes nothing
    /// (<see cref="IWorkerGrain.Basis"/>). With the silo in this process none does: a call is made again only when the
    /// one before has failed.
    /// </summary>
    private Task<T> Change<T>(WorkerId id, Func<IWorkerGrain, long?, Task<T>> change) => cluster.Call(
        async grains =>
        {
            var worker = Worker(grains, id);
            return await change(worker, await Basis(worker));
        },
        CancellationToken.None);

    private async Task<long?> Basis(IWorkerGrain worker)
    {
        if (here is not null)
        {
            return null;
        }

        var basis = await worker.Basis();
        floor.Learn(basis < 0 ? ~basis : null);
        return basis;
    }

    /// <summary>
    /// What a registration is most likely based on, which saves to ask: what the worker says itself, or else that it is
    /// new. Null where it is better to ask.
    /// </summary>
    private long? BasisGuess(WorkerId id, long? expectedIncarnation, int attempt) =>
        here is not null || attempt > 1 ? null
            : expectedIncarnation ?? (routes.Links.Find(id) is null ? ~floor.Value : null);

    /// <summary>
    /// As unlikely to be one that there has been as <see cref="Guid.NewGuid"/>, but without its system call, which took a
    /// twentieth of a gateway's time for a registration. It need not be hard to guess.
    /// </summary>
    private static Guid NewOperationId()
    {
        Span<byte> id = stackalloc byte[16];
        Random.Shared.NextBytes(id);
        return new(id);
    }

    private static IWorkerGrain Worker(IGrainFactory grains, WorkerId id) => grains.GetGrain<IWorkerGrain>(id.Value);
}
