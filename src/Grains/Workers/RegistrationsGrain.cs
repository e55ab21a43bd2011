using System.Collections.Immutable;
using Orleans.Concurrency;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Grains.Workers;

[StatelessWorker, Reentrant]
internal sealed class RegistrationsGrain(IWorkerStore store, RegistryLanes lanes, TimeProvider clock)
    : Grain, IRegistrationsGrain
{
    public async Task<ImmutableArray<NewWorkerAnswer>> Add(ImmutableArray<NewWorker> workers, long floor) =>
        [.. await Task.WhenAll(workers.Select(worker => Add(worker, floor)))];

    private async Task<NewWorkerAnswer> Add(NewWorker added, long floor)
    {
        // Nobody else's: what becomes of the worker from now on is known to its grain.
        var worker = new LiveWorker(added.Id) { IsNew = true };
        var keeper = RecordKeeper.BesideGrain(worker, store, lanes, GrainFactory, clock);
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
