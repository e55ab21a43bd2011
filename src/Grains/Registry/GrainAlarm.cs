using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// Runs something in a grain's turn at the earliest moment that it was asked for, from any thread. A run that throws is
/// run again, later each time: Orleans logs it, and nothing that was due is forgotten. Made in a turn of the grain.
/// </summary>
/// <param name="grain">The grain.</param>
/// <param name="clock">Tells the time.</param>
/// <param name="run">What to run.</param>
/// <param name="interleave">Whether calls to the grain go on while it runs: for what waits for another grain.</param>
internal sealed class GrainAlarm(Grain grain, TimeProvider clock, Func<Task> run, bool interleave = false)
{
    /// <summary>Timers of shorter notice would only split one burst of work into many small ones.</summary>
    private static readonly TimeSpan ShortestNotice = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(30);

    /// <summary>Runs turns of the grain.</summary>
    private readonly TaskScheduler turns = TaskScheduler.Current;
    private readonly Lock gate = new();
    private IGrainTimer? timer;
    private TimeSpan? due;
    private TimeSpan retry = TimeSpan.Zero;

    public void Within(TimeSpan notice) => At(clock.Elapsed() + notice);

    /// <summary>Runs it at this moment of the monotonic clock, unless it runs earlier anyway.</summary>
    public void At(TimeSpan moment)
    {
        lock (gate)
        {
            if (due <= moment)
            {
                return;
            }

            due = moment;
        }

        // A grain's timer that somebody else changes at the end of its tick is lost.
        if (TaskScheduler.Current == turns)
        {
            Wind();
        }
        else
        {
            _ = Task.Factory.StartNew(Wind, CancellationToken.None, TaskCreationOptions.None, turns);
        }
    }

    private void Wind()
    {
        TimeSpan notice;
        lock (gate)
        {
            if (due is not { } moment)
            {
                return;
            }

            notice = moment - clock.Elapsed();
        }

        notice = notice > ShortestNotice ? notice : ShortestNotice;
        if (timer is null)
        {
            timer = grain.RegisterGrainTimer(Ring, new(notice, Timeout.InfiniteTimeSpan) { KeepAlive = true, Interleave = interleave });
        }
        else
        {
            timer.Change(notice, Timeout.InfiniteTimeSpan);
        }
    }

    private async Task Ring(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            due = null;
        }

        var done = false;
        try
        {
            await run();
            done = true;
            retry = TimeSpan.Zero;
        }
        finally
        {
            if (!done)
            {
                retry = TimeSpan.FromTicks(Math.Clamp(retry.Ticks * 2, TimeSpan.TicksPerSecond / 4, LongestRetry.Ticks));
                Within(retry);
            }
        }
    }
}
