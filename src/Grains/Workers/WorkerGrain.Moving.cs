using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>Moving to another silo (<see cref="WorkerRebalancer"/>).</summary>
internal sealed partial class WorkerGrain : IGrainMigrationParticipant
{
    private const string CarriedKey = "mesh.worker";
    private const string DoubtKey = "mesh.worker.doubt";

    private CarriedWorker? carried;
    private bool inDoubt;

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext dehydrationContext)
    {
        if (worker.Carry(clock.Elapsed()) is { } known)
        {
            dehydrationContext.TryAddValue(CarriedKey, known with { Owed = registries.Owed });
        }

        if (looksLeft > 0)
        {
            dehydrationContext.TryAddValue(DoubtKey, true);
        }
    }

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext rehydrationContext)
    {
        rehydrationContext.TryGetValue(CarriedKey, out carried);
        rehydrationContext.TryGetValue(DoubtKey, out inDoubt);
    }

    private void SettleIn()
    {
        if (inDoubt)
        {
            LookSoon();
        }

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
