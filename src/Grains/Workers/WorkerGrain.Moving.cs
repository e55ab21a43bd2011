using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>Moving to another silo (<see cref="WorkerRebalancer"/>).</summary>
internal sealed partial class WorkerGrain : IGrainMigrationParticipant
{
    private const string CarriedKey = "mesh.worker";

    private CarriedWorker? carried;

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext dehydrationContext)
    {
        // What is in doubt is read anew.
        if (looksLeft == 0 && worker.Carry(clock.Elapsed()) is { } known)
        {
            dehydrationContext.TryAddValue(CarriedKey, known with { Owed = registries.Owed });
        }
    }

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext rehydrationContext) =>
        rehydrationContext.TryGetValue(CarriedKey, out carried);

    private void SettleIn()
    {
        if (carried is not { } known)
        {
            return;
        }

        carried = null;
        worker.Settle(known, clock.Elapsed());
        Stay();
        if (!known.Owed.IsEmpty)
        {
            registries.Owe(known.Owed);
            RepairSoon();
        }
    }
}
