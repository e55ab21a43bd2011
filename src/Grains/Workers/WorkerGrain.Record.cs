using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Workers;

/// <summary>How the record comes into memory and goes.</summary>
internal sealed partial class WorkerGrain
{
    private async Task<RegisterAnswer?> Remove(WorkerRecord last)
    {
        // Heartbeats run meanwhile: they wait for the outcome rather than be accepted for a record that goes.
        var removal = store.RemoveAsync(id, last.Incarnation, CancellationToken.None);
        removing = removal;
        try
        {
            if (!await removal)
            {
                await Reload();
                if (record is not null)
                {
                    return null;
                }

                // Removed by a call whose answer was lost: the registries have yet to hear.
            }
        }
        finally
        {
            removing = null;
        }

        record = null;
        incarnationFloor = Math.Max(incarnationFloor, last.Incarnation);
        health.Stop();
        return new(RegisterOutcome.Replaced, last, await registries.Tell(last.Registration.RegistryKeys));
    }

    private async Task Removed()
    {
        if (removing is { } removal)
        {
            // Its failure is its caller's to hear of; here the record then simply stays.
            await removal.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
    }

    private Task Load()
    {
        // One read for all calls that wait for it; the next call tries again after one that failed.
        if (loading is null or { IsFaulted: true })
        {
            loading = Reload();
        }

        return loading;
    }

    private async Task Reload()
    {
        var stored = await store.ReadAsync(id, CancellationToken.None);
        incarnationFloor = stored.IncarnationFloor;
        if (stored.Record?.Incarnation == record?.Incarnation)
        {
            return;
        }

        record = stored.Record;
        // A lease of grace: that nothing was heard here says nothing about the worker.
        liveness = new(clock.Elapsed());
        suspicion = Suspicion.None;
        if (record is null)
        {
            health.Stop();
        }
        else
        {
            health.Follow(record.Registration);
        }
    }
}
