using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// A time limit that is set anew all the time and almost never over: a number that a timer looks at no oftener than once
/// per limit, so that setting it costs one read of the clock. One sets it at a time; it may be over at any moment.
/// </summary>
internal sealed class Deadline : IDisposable
{
    /// <summary>No limit holds.</summary>
    private const long Never = long.MaxValue;

    private const long Over = long.MinValue;

    /// <summary>A timer that ticks early would only have to be set again.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(1);

    private readonly TimeProvider clock;
    private readonly Action onOver;
    private readonly ITimer timer;
    private long deadlineTicks = Never;
    private long timerTicks = Never;

    /// <param name="clock">The clock.</param>
    /// <param name="onOver">Called once, when a limit is over.</param>
    public Deadline(TimeProvider clock, Action onOver)
    {
        this.clock = clock;
        this.onOver = onOver;
        timer = clock.CreateTimer(
            static d => ((Deadline)d!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether a limit was over. Then it stays so.</summary>
    public bool IsOver => Volatile.Read(ref deadlineTicks) == Over;

    /// <summary>Sets it to so long from now.</summary>
    public void Set(TimeSpan limit)
    {
        var deadline = clock.Elapsed().Ticks + limit.Ticks;
        while (Volatile.Read(ref deadlineTicks) is var before && before != Over)
        {
            if (Interlocked.CompareExchange(ref deadlineTicks, deadline, before) == before)
            {
                break;
            }
        }

        // It looks early enough as it is, almost always.
        if (deadline < Volatile.Read(ref timerTicks))
        {
            Volatile.Write(ref timerTicks, deadline);
            timer.Change(limit, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Lets none hold until the next is set.</summary>
    /// <returns>False where one was over, if only a moment ago.</returns>
    public bool TryClear()
    {
        while (Volatile.Read(ref deadlineTicks) is var before && before != Over)
        {
            if (Interlocked.CompareExchange(ref deadlineTicks, Never, before) == before)
            {
                return true;
            }
        }

        return false;
    }

    public void Dispose() => timer.Dispose();

    private void Look()
    {
        // First, so that a limit that is set from here on sets the timer itself.
        Interlocked.Exchange(ref timerTicks, Never);
        while (Volatile.Read(ref deadlineTicks) is var deadline && deadline is not (Never or Over))
        {
            var left = deadline - clock.Elapsed().Ticks;
            if (left > 0)
            {
                Interlocked.Exchange(ref timerTicks, deadline);
                timer.Change(TimeSpan.FromTicks(left) + Late, Timeout.InfiniteTimeSpan);
                if (Volatile.Read(ref deadlineTicks) >= deadline)
                {
                    return;
                }
            }
            else if (Interlocked.CompareExchange(ref deadlineTicks, Over, deadline) == deadline)
            {
                onOver();
                return;
            }
        }
    }
}
