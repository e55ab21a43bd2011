using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// The connections to one address that rest. The one that rested last is used first, so that what is too many stays
/// idle and is closed. No lock; how many are in use is not limited here, for a worker's limit is its
/// <c>max_concurrency</c>.
/// </summary>
internal sealed class ConnectionPool(TimeProvider clock)
{
    /// <summary>Closed after so long: workers close idle ones too, and it is better to be the first.</summary>
    public static readonly TimeSpan MostIdle = TimeSpan.FromSeconds(60);

    /// <summary>Used no longer: a name may come to mean another container.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly ConcurrentStack<WorkerConnection> resting = new();

    public bool IsEmpty => resting.IsEmpty;

    /// <summary>Takes one that can be used; those that can't are closed on the way.</summary>
    /// <param name="now">The time.</param>
    /// <param name="connection">The connection.</param>
    public bool TryRent(TimeSpan now, [NotNullWhen(true)] out WorkerConnection? connection)
    {
        while (resting.TryPop(out connection))
        {
            if (IsUsable(connection, now))
            {
                return true;
            }

            connection.Dispose();
        }

        return false;
    }

    /// <summary>Gives one back whose last answer was read to its end.</summary>
    public void Return(WorkerConnection connection)
    {
        var now = clock.Elapsed();
        if (now - connection.CreatedAt < Lifetime && connection.TryRest(now))
        {
            resting.Push(connection);
        }
        else
        {
            connection.Dispose();
        }
    }

    /// <summary>Closes those that rested for too long, or whose worker has closed.</summary>
    public void Sweep()
    {
        // All at once and back again in their order: a request that comes meanwhile opens a connection.
        var all = new WorkerConnection[resting.Count];
        var count = all.Length == 0 ? 0 : resting.TryPopRange(all);
        var now = clock.Elapsed();
        var kept = 0;
        for (var i = 0; i < count; i++)
        {
            if (now - all[i].IdleSince < MostIdle && IsUsable(all[i], now))
            {
                all[kept++] = all[i];
            }
            else
            {
                all[i].Dispose();
            }
        }

        Array.Reverse(all, 0, kept);
        if (kept > 0)
        {
            resting.PushRange(all, 0, kept);
        }
    }

    public void Close()
    {
        while (resting.TryPop(out var connection))
        {
            connection.Dispose();
        }
    }

    private static bool IsUsable(WorkerConnection connection, TimeSpan now) =>
        connection.IsSilent && now - connection.CreatedAt < Lifetime;
}
