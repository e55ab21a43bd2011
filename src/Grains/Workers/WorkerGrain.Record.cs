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
        worker.Leave(begins: true);
        var removal = store.RemoveAsync(Id, last.Incarnation, CancellationToken.None);
        removing = removal;
        var isGone = false;
        try
        {
            if (!await removal)
            {
                await ReloadUnchanged(stored => stored is null);
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

        worker.Forget(last, clock.Elapsed());
        Supersede(last);
        StopHealth();
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
        if (worker.IsLoaded)
        {
            loading = null;
            return Task.CompletedTask;
        }

        // One read for all calls that wait for it; the next call tries again after one that failed.
        return loading is null or { IsCompleted: true } ? loading = Reload() : loading;
    }

    /// <summary>
    /// The store has refused a write. Where that is because somebody else has written, this activation is one too many,
    /// or the call is a late one: to make it again here would undo what came after it.
    /// </summary>
    /// <param name="isOurs">Whether what is stored now is what this call has written, and its first answer was lost.</param>
    private async Task ReloadUnchanged(Func<WorkerRecord?, bool> isOurs)
    {
        var known = worker.Record;
        await Reload();
        var stored = worker.Record;
        if (stored?.Incarnation != known?.Incarnation && !isOurs(stored))
        {
            // Both: a write whose outcome was unknown may have moved it, and only this activation knows from where.
            var keys = (IEnumerable<ServiceType>)[.. known?.Registration.RegistryKeys ?? [], .. stored?.Registration.RegistryKeys ?? []];
            await registries.Tell(keys.Distinct());
            throw new StaleOwnerException($"The registration of '{Id}' was changed by another call.");
        }
    }

    private async Task Reload()
    {
        var stored = await store.ReadAsync(Id, CancellationToken.None);
        // With a lease of grace for what is new: that nothing was heard here says nothing about the worker.
        worker.Load(stored.Record, stored.IncarnationFloor, clock.Elapsed());
        if (worker.Record is not { } record)
        {
            StopHealth();
        }
        else
        {
            FollowHealth(record.Registration);
        }
    }
}
