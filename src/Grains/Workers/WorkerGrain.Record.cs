using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>How the record goes.</summary>
internal sealed partial class WorkerGrain
{
    private async Task<RegisterAnswer?> Remove(WorkerRecord last)
    {
        // Heartbeats run meanwhile: they wait for the outcome rather than be accepted for a record that goes.
        worker.Leave(begins: true);
        var removal = Write(store.RemoveAsync(Id, last.Incarnation, CancellationToken.None));
        removing = removal;
        var isGone = false;
        var isNews = false;
        try
        {
            isNews = await removal;
            if (!isNews)
            {
                await Write(keeper.ReloadUnchanged(stored => stored is null));
                // Removed by a call whose answer was lost: the registries have yet to hear.
            }

            isGone = true;
        }
        finally
        {
            removing = null;
            if (!isGone)
            {
                worker.Leave(begins: false);
            }
        }

        worker.Forget(last, clock.Elapsed(), isNews);
        keeper.Supersede(last);
        StopHealth();
        return new(
            RegisterOutcome.Replaced,
            last,
            await registries.Tell(last.Registration.RegistryKeys),
            worker.IncarnationFloor);
    }

    private async Task Removed()
    {
        if (removing is { } removal)
        {
            // Its failure is its caller's to hear of; here the record then simply stays.
            await removal.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
    }
}
