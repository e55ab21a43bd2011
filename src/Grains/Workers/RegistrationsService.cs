using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Grains.Workers;

/// <summary>Orleans runs calls to such a service side by side, where they wait.</summary>
internal sealed class RegistrationsService(
    IWorkerStore store,
    RegistryLanes lanes,
    LocalRegistries registries,
    IGrainFactory grains,
    TimeProvider clock,
    Silo silo,
    ILoggerFactory logging)
    : GrainService(GrainId.Create(SiloServices.Registrations, IdSpan.Create("")), silo, logging), IRegistrationsService
{
    public async Task<ImmutableArray<NewWorkerAnswer>> Add(ImmutableArray<NewWorker> workers, long floor) =>
        [.. (await AddAll(workers, floor)).Select((answer, i) =>
            answer with { HasRegistry = registries.Has(workers[i].Registration.RegistryKeys[0]) })];

    private async Task<NewWorkerAnswer[]> AddAll(ImmutableArray<NewWorker> workers, long floor)
    {
        // Nobody else's: what becomes of the workers from now on is known to their grains.
        RecordKeeper[] keepers = [.. workers.Select(added =>
            RecordKeeper.BesideGrain(new LiveWorker(added.Id) { IsNew = true }, store, lanes, grains, clock))];
        WorkerRecord[] records = [.. keepers.Zip(workers, (keeper, added) => keeper.First(added.Registration, added.OperationId, floor))];
        IReadOnlyList<bool> stored;
        try
        {
            stored = await store.AddAllAsync(records, CancellationToken.None);
        }
        catch (StoreUnavailableException e)
        {
            return [.. workers.Select(added => FailureOf(added.Id, e))];
        }
        catch (StaleOwnerException)
        {
            // This silo may not write any more: another one has to do it.
            return new NewWorkerAnswer[workers.Length];
        }

        return await Task.WhenAll(workers.Select((added, i) =>
            stored[i] ? Answer(keepers[i], records[i]) : Register(keepers[i], added, floor)));
    }

    private static async Task<NewWorkerAnswer> Answer(RecordKeeper keeper, WorkerRecord first)
    {
        keeper.FollowFirst(first);
        return new(await keeper.Answer(RegisterOutcome.Created));
    }

    /// <summary>It is not new, or has become known to others just now.</summary>
    private async Task<NewWorkerAnswer> Register(RecordKeeper keeper, NewWorker added, long floor)
    {
        try
        {
            // Or it would be added again first, and refused again.
            await keeper.Reload();
            return new(
                await keeper.Register(
                    added.Registration, added.OperationId, expectedIncarnation: null, assign: false, ~floor, guessed: true));
        }
        catch (StoreUnavailableException e)
        {
            return FailureOf(added.Id, e);
        }
        catch (StaleOwnerException)
        {
            // Somebody else registers it at this moment.
            return default;
        }
    }

    private NewWorkerAnswer FailureOf(WorkerId id, StoreUnavailableException e)
    {
        if (!e.NotBegun)
        {
            // Who was refused may never ask again.
            _ = grains.GetGrain<IWorkerGrain>(id.Value).FindOut();
        }

        return new(null, e.Message, e.NotBegun);
    }
}
