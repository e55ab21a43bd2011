using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
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
        [.. (await Task.WhenAll(workers.Select(worker => Add(worker, floor)))).Select((answer, i) =>
            answer with { HasRegistry = registries.Has(workers[i].Registration.RegistryKeys[0]) })];

    private async Task<NewWorkerAnswer> Add(NewWorker added, long floor)
    {
        // Nobody else's: what becomes of the worker from now on is known to its grain.
        var worker = new LiveWorker(added.Id) { IsNew = true };
        var keeper = RecordKeeper.BesideGrain(worker, store, lanes, grains, clock);
        try
        {
            return new(
                await keeper.Register(
                    added.Registration, added.OperationId, expectedIncarnation: null, assign: false, ~floor, guessed: true));
        }
        catch (StoreUnavailableException e)
        {
            return new(null, e.Message, e.NotBegun);
        }
        catch (StaleOwnerException)
        {
            // Somebody else registers it at this moment.
            return default;
        }
    }
}
