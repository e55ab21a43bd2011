using WorkerMesh.Gateway.Stats;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// Where requests of one route wait while every worker has as many in flight as it takes: bounded, first come first
/// served, urgent ones before the others. A place that becomes free is given to the first that may use it, so nobody is
/// woken for nothing; who comes while others wait joins them and does not look for a place itself. Requests come here
/// only when there is no place.
/// </summary>
/// <param name="snapshot">The route as it is now.</param>
/// <param name="clock">Tells the time.</param>
/// <param name="limits">How many may wait, and for how long.</param>
internal sealed class RequestQueue(Func<RouteSnapshot?> snapshot, TimeProvider clock, QueueLimits limits)
{
    /// <summary>The <see cref="First"/> of a queue in which nobody waits.</summary>
    public const long Nobody = long.MaxValue;

    /// <summary>Taken off the time of urgent ones, so that they come before all others.</summary>
    private const long UrgentTicks = long.MaxValue / 2;

    /// <summary>
    /// How often those who wait are looked at while there are any: some have waited too long, and a worker may be back
    /// of which nobody tells, because only the time it was set aside for is over.
    /// </summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromSeconds(60);

    private readonly Lock gate = new();
    private readonly LinkedList<Waiting> urgent = new();
    private readonly LinkedList<Waiting> others = new();
    private readonly CompletionRate rate = new();
    private ITimer? timer;
    private long first = Nobody;
    private int count;

    /// <summary>Whether requests may wait here at all.</summary>
    public bool IsOpen => limits.Length > 0;

    public bool IsEmpty => Volatile.Read(ref first) == Nobody;

    /// <summary>How many wait.</summary>
    public int Count => Volatile.Read(ref count);

    /// <summary>Since when the first has waited: the lowest of several queues is to be served first.</summary>
    public long First => Volatile.Read(ref first);

    /// <summary>How long those waited who got a place.</summary>
    public LatencyHistogram Waits { get; } = new();

    /// <summary>Waits for a place.</summary>
    /// <param name="tried">Workers that have failed the request; may change again when the task has ended.</param>
    /// <param name="repeatable">As in <see cref="Wish"/>.</param>
    /// <param name="isUrgent">Whether it comes before those that are not.</param>
    /// <param name="cancellationToken">The client left: so does the request.</param>
    public async Task<Waited> Wait(
        ReadOnlyMemory<WorkerLink?> tried, bool repeatable, bool isUrgent, CancellationToken cancellationToken)
    {
        var waiting = new Waiting(tried, repeatable, isUrgent, clock.Elapsed());
        if (Join(waiting) is { } refused)
        {
            return refused;
        }

        await using var leaving = cancellationToken.UnsafeRegister(
            static state => (((RequestQueue, Waiting))state!).Item1.Abandon((((RequestQueue, Waiting))state!).Item2),
            (this, waiting));
        return await waiting.Ended.Task;
    }

    /// <summary>Gives a place at this worker to the first that may use it.</summary>
    /// <returns>False where it has none, or nobody may use it.</returns>
    public bool TryServe(Instance instance)
    {
        if (IsEmpty || IsFull(instance))
        {
            return false;
        }

        lock (gate)
        {
            var now = clock.Elapsed();
            // Almost always the first: the others have failed at this very worker before.
            for (var node = urgent.First ?? others.First; node is not null; node = After(node))
            {
                if (WorkerPicker.Take(instance, node.Value.Tried.Span, node.Value.Repeatable, now) is { Instance: not null } choice)
                {
                    Serve(node, choice, now);
                    return true;
                }

                if (IsFull(instance))
                {
                    return false;
                }
            }

            return false;
        }
    }

    private static bool IsFull(Instance instance) =>
        instance.MaxConcurrency <= instance.Link.InFlight;

    private Waited? Join(Waiting waiting)
    {
        lock (gate)
        {
            var now = waiting.Since;
            if (count >= limits.Length)
            {
                if (!waiting.IsUrgent || others.Last is not { } newest)
                {
                    return new(default, WaitEnd.Refused, RetryAfter(now));
                }

                End(newest, new(default, WaitEnd.Refused, RetryAfter(now)));
            }

            if (count == 0)
            {
                rate.Resume(now);
                timer ??= clock.CreateTimer(static s => ((RequestQueue)s!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                timer.Change(LookInterval, LookInterval);
            }

            waiting.Node = (waiting.IsUrgent ? urgent : others).AddLast(waiting);
            count++;
            Publish();
            if (count == 1)
            {
                // A place that became free before this one was seen to wait was offered to nobody.
                Interlocked.MemoryBarrier();
                ServeAll(now);
            }

            return null;
        }
    }

    private void Abandon(Waiting waiting)
    {
        lock (gate)
        {
            if (waiting.Node is { List: not null } node)
            {
                End(node, new(default, WaitEnd.Abandoned));
            }
        }
    }

    private void Look()
    {
        lock (gate)
        {
            var now = clock.Elapsed();
            foreach (var list in (ReadOnlySpan<LinkedList<Waiting>>)[urgent, others])
            {
                while (list.First is { } oldest && now - oldest.Value.Since >= limits.Timeout)
                {
                    End(oldest, new(default, WaitEnd.Refused, RetryAfter(now)));
                }
            }

            ServeAll(now);
            if (count == 0)
            {
                timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void ServeAll(TimeSpan now)
    {
        while ((urgent.First ?? others.First) is { } node && snapshot() is { } current)
        {
            var choice = WorkerPicker.Pick(
                new(current, node.Value.Tried.Span, node.Value.Repeatable, lastResort: LastResort.UnlessFull), now);
            if (choice.Instance is not null)
            {
                Serve(node, choice, now);
            }
            else if (choice.Full)
            {
                return;
            }
            else
            {
                // There is nothing left to wait for.
                End(node, new(choice, WaitEnd.NoWorker));
            }
        }
    }

    private void Serve(LinkedListNode<Waiting> node, Choice choice, TimeSpan now)
    {
        rate.Count(now);
        Waits.Record((now - node.Value.Since).TotalSeconds);
        End(node, new(choice, WaitEnd.Served));
    }

    private void End(LinkedListNode<Waiting> node, Waited waited)
    {
        node.List!.Remove(node);
        count--;
        Publish();
        node.Value.Ended.SetResult(waited);
    }

    private void Publish() => Volatile.Write(
        ref first, urgent.First?.Value.Since.Ticks - UrgentTicks ?? others.First?.Value.Since.Ticks ?? Nobody);

    private LinkedListNode<Waiting>? After(LinkedListNode<Waiting> node) =>
        node.Next ?? (node.List == urgent ? others.First : null);

    /// <summary>When those who wait now will have been served, as far as can be told.</summary>
    private TimeSpan RetryAfter(TimeSpan now)
    {
        if (!IsOpen)
        {
            // Nothing was watched; soon.
            return TimeSpan.Zero;
        }

        var served = rate.Until(Math.Max(1, count), now);
        return served < LongestRetryAfter ? served : LongestRetryAfter;
    }

    private sealed class Waiting(ReadOnlyMemory<WorkerLink?> tried, bool repeatable, bool isUrgent, TimeSpan since)
    {
        public ReadOnlyMemory<WorkerLink?> Tried => tried;

        public bool Repeatable => repeatable;

        public bool IsUrgent => isUrgent;

        public TimeSpan Since => since;

        /// <summary>Its place in the queue; out of any list when the wait is over.</summary>
        public LinkedListNode<Waiting>? Node { get; set; }

        public TaskCompletionSource<Waited> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>How many requests may wait, and for how long.</summary>
internal readonly record struct QueueLimits(int Length, TimeSpan Timeout);

/// <summary>How a wait ended.</summary>
internal enum WaitEnd
{
    /// <summary>With a place.</summary>
    Served,

    /// <summary>Too many waited already, or it took too long.</summary>
    Refused,

    /// <summary>No worker is left that a place could be waited for at.</summary>
    NoWorker,

    /// <summary>The client left.</summary>
    Abandoned,
}

/// <summary>What a wait came to.</summary>
/// <param name="Choice">The place.</param>
/// <param name="End">How it ended.</param>
/// <param name="RetryAfter">Where it was refused: when another try is likely to do better.</param>
internal readonly record struct Waited(Choice Choice, WaitEnd End, TimeSpan RetryAfter = default);
