using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Registers workers without their grains, where there never is another silo: a grain that comes into memory, is called
/// and leaves again costs more than all that a registration does. Until it is done nothing else changes the worker: its
/// grain, when it is called, waits for that.
/// </summary>
public sealed class DirectRegistrations
{
    private readonly LiveWorkers workers;
    private readonly IWorkerStore store;
    private readonly RegistryLanes lanes;
    private readonly IGrainFactory grains;
    private readonly TimeProvider clock;
    private readonly HighestFloor floor = new();

    internal DirectRegistrations(
        LiveWorkers workers, IWorkerStore store, RegistryLanes lanes, IGrainFactory grains, TimeProvider clock)
    {
        this.workers = workers;
        this.store = store;
        this.lanes = lanes;
        this.grains = grains;
        this.clock = clock;
    }

    /// <summary>
    /// Registers a worker as <see cref="IWorkerGrain.Register"/> does, for a caller that makes no call twice. Does not block
    /// the caller's thread; may end on the one that makes the store's commits, which must not be blocked.
    /// </summary>
    /// <returns>Null, with nothing changed, where the worker's grain has to be called.</returns>
    public async Task<RegisterAnswer?> TryRegister(
        WorkerId id, Registration registration, Guid operationId, long? expectedIncarnation)
    {
        if (registration.Health is not null || workers.Occupy(id) is not { } worker)
        {
            return null;
        }

        try
        {
            var keeper = RecordKeeper.BesideGrain(worker, store, lanes, grains, clock);
            if (!worker.IsLoaded && floor.Value is { } known)
            {
                // It is new, most likely: then the store need not be read.
                var first = await keeper.Register(
                    registration, operationId, expectedIncarnation, assign: false, ~known, guessed: true);
                if (first.Outcome != RegisterOutcome.Misjudged)
                {
                    return first;
                }
            }

            if (!worker.IsLoaded)
            {
                // The look-up may have to wait for the disk, and who calls may not.
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            }

            await keeper.Load();
            floor.Learn(worker.IncarnationFloor);
            if (worker.Record is { } last && !MayReplace(last.Registration, registration))
            {
                return null;
            }

            return await keeper.Register(
                registration, operationId, expectedIncarnation, assign: false, basis: null, guessed: false);
        }
        catch (StoreUnavailableException e) when (!e.NotBegun)
        {
            // It may have taken effect all the same, and what is known here is what was so before.
            _ = grains.GetGrain<IWorkerGrain>(id.Value).FindOut();
            throw;
        }
        finally
        {
            workers.Vacate(worker);
        }
    }

    /// <summary>
    /// Health checks are the grain's, and so is it to tell a registry again which the worker leaves.
    /// </summary>
    private static bool MayReplace(Registration last, Registration next) =>
        last.Health is null && last.RegistryKeys.SequenceEqual(next.RegistryKeys);
}
