using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// A write that failed may have taken effect. Until that is known the grain goes on as it was before, so that heartbeats
/// don't wait for the store; but it must not stay so: a removal that did take effect lets another silo register the worker
/// anew (<see cref="IRegistrationsService"/>), of which this grain would never hear.
/// </summary>
internal sealed partial class WorkerGrain
{
    /// <summary>When it is looked after the write has failed.</summary>
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(1);

    /// <summary>
    /// When it is looked again: where the store does not answer, and once after it has: a server that hung may answer
    /// others before it gets to what was sent earlier.
    /// </summary>
    private static readonly TimeSpan NextLook = TimeSpan.FromSeconds(5);

    /// <summary>Made where a write has failed.</summary>
    private GrainAlarm? doubt;
    private int looksLeft;
    private int writesBegun;
    private int writesUnderWay;

    public Task FindOut()
    {
        LookSoon();
        return Task.CompletedTask;
    }

    private async Task<T> Write<T>(Task<T> writing)
    {
        await Write((Task)writing);
        return await writing;
    }

    /// <summary>
    /// Waits for a write that was begun in this turn, or for finding out why it was refused, and sees to it that what became
    /// of it is found out where that fails.
    /// </summary>
    private async Task Write(Task writing)
    {
        writesBegun++;
        writesUnderWay++;
        try
        {
            await writing;
        }
        catch (StoreUnavailableException e) when (!e.NotBegun)
        {
            LookSoon();
            throw;
        }
        finally
        {
            writesUnderWay--;
        }
    }

    private void LookSoon()
    {
        looksLeft = 2;
        doubt ??= new(this, clock, Look, interleave: true);
        doubt.Within(FirstLook);
    }

    private async Task Look()
    {
        var begun = writesBegun;
        bool? news = null;
        try
        {
            if (writesUnderWay == 0)
            {
                news = await keeper.Verify(() => begun == writesBegun);
            }
        }
        catch (StoreUnavailableException)
        {
            doubt!.Within(NextLook);
            return;
        }

        if (news == true)
        {
            LogFoundOut(Id);
        }

        if (news is null)
        {
            // Whatever is written now may say it.
            doubt!.Within(FirstLook);
        }
        else if (--looksLeft > 0)
        {
            doubt!.Within(NextLook);
        }
        else
        {
            LeaveIfUnknown();
        }
    }

    [LoggerMessage(1403, LogLevel.Information, "Worker {Id}: a change whose outcome was not known has taken effect.")]
    private partial void LogFoundOut(WorkerId id);
}
