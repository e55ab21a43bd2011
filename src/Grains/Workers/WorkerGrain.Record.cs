using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
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
                await ReloadUnchanged(stored => stored is null);
                // Removed by a call whose answer was lost: the registries have yet to hear.
            }
        }
        finally
        {
            removing = null;
        }

        record = null;
        Supersede(last);
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

    /// <summary>
    /// The store has refused a write. Where that is because somebody else has written, this activation is one too many,
    /// or the call is a late one: to make it again here would undo what came after it.
    /// </summary>
    /// <param name="isOurs">Whether what is stored now is what this call has written, and its first answer was lost.</param>
    private async Task ReloadUnchanged(Func<WorkerRecord?, bool> isOurs)
    {
        var known = record;
        await Reload();
        if (record?.Incarnation != known?.Incarnation && !isOurs(record))
        {
            // Both: a write whose outcome was unknown may have moved it, and only this activation knows from where.
            var keys = (IEnumerable<ServiceType>)[.. known?.Registration.RegistryKeys ?? [], .. record?.Registration.RegistryKeys ?? []];
            await registries.Tell(keys.Distinct());
            throw new StaleOwnerException($"The registration of '{id}' was changed by another call.");
        }
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
