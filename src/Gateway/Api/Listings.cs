using System.Buffers;
using System.Runtime.CompilerServices;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// Writes the instances of a route, best first. Clients that ask for one service type at the same time share one
/// answer: it is never older than what the registry has said, but what this gateway itself measures (the members that
/// begin with gateway) may be of <see cref="Shared"/> ago, or where no request was forwarded since of
/// <see cref="SharedWhileIdle"/> ago.
/// </summary>
internal sealed class Listings(TimeProvider clock)
{
    /// <summary>Far below the time in which the order of the workers is worth looking at again.</summary>
    private static readonly TimeSpan Shared = TimeSpan.FromMilliseconds(20);

    /// <summary>Where clients only ask, and go to the workers themselves, what is measured here does nothing but age.</summary>
    private static readonly TimeSpan SharedWhileIdle = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The last answer of each route that is there and was asked for. With some 400 bytes for each instance it is small
    /// beside the route itself.
    /// </summary>
    private readonly ConditionalWeakTable<Route, Answer> last = [];

    /// <summary>The instances that match the filter.</summary>
    public IResult Of(Route route, InstanceFilter filter)
    {
        var snapshot = route.Snapshot!;
        var now = clock.Elapsed();
        if (!filter.IsEmpty)
        {
            return Make(route, filter, snapshot, now, room: null);
        }

        if (last.TryGetValue(route, out var answer)
            && answer.Shows(snapshot)
            && now - answer.At < Longest(route, answer)
            && answer.TryShare())
        {
            return answer;
        }

        answer = Make(route, filter, snapshot, now, answer?.TakeRoom());
        last.AddOrUpdate(route, answer);
        return answer;
    }

    private static TimeSpan Longest(Route route, Answer answer) =>
        route.Stats.Activity == answer.Activity ? SharedWhileIdle : Shared;

    private static Answer Make(Route route, InstanceFilter filter, RouteSnapshot snapshot, TimeSpan now, byte[]? room)
    {
        // First: what happens while this is written counts as later.
        var activity = route.Stats.Activity;
        var ranked = ArrayPool<RankedInstance>.Shared.Rent(snapshot.All.Length);
        var count = 0;
        foreach (var instance in filter.IsEmpty ? snapshot.All : filter.Apply(snapshot.All))
        {
            ranked[count++] = new(instance, now);
        }

        var found = ranked.AsSpan(0, count);
        found.Sort();
        var text = ListingWriter.Write(route, snapshot.Version.Version, found, now, room);
        ArrayPool<RankedInstance>.Shared.Return(ranked, clearArray: true);
        return new(snapshot, now, activity, text);
    }

    /// <summary>
    /// To be executed once for each client that it was made for or shared with. When all have it and it is out of date,
    /// the next may be written where it was: a service type that is asked for all the time leaves no garbage.
    /// </summary>
    private sealed class Answer(
        RouteSnapshot snapshot, TimeSpan at, (long Ended, int InFlight) activity, ArraySegment<byte> text) : IResult
    {
        private const int RoomTaken = -1;

        /// <summary>Clients that do not have it yet; first the one that it was made for.</summary>
        private int waiting = 1;

        public TimeSpan At => at;

        /// <summary>What the route had served by then.</summary>
        public (long Ended, int InFlight) Activity => activity;

        public bool Shows(RouteSnapshot current) => ReferenceEquals(snapshot, current);

        /// <summary>Whether another client may have it: not where its room was taken.</summary>
        public bool TryShare()
        {
            while (Volatile.Read(ref waiting) is var count && count != RoomTaken)
            {
                if (Interlocked.CompareExchange(ref waiting, count + 1, count) == count)
                {
                    return true;
                }
            }

            return false;
        }

        /// <summary>Where it was written, for another; null where a client does not have it yet.</summary>
        public byte[]? TakeRoom() =>
            Interlocked.CompareExchange(ref waiting, RoomTaken, 0) == 0 ? text.Array : null;

        public async Task ExecuteAsync(HttpContext httpContext)
        {
            try
            {
                httpContext.Response.ContentType = "application/json; charset=utf-8";
                httpContext.Response.ContentLength = text.Count;
                await httpContext.Response.Body.WriteAsync(text, httpContext.RequestAborted);
            }
            finally
            {
                Interlocked.Decrement(ref waiting);
            }
        }
    }
}
