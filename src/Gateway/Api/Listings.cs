using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// Writes the instances of a route, best first. Clients that ask for one service type at the same time share one
/// answer: it is never older than what the registry has said, but what this gateway itself measures (the members that
/// begin with gateway) may be of <see cref="Shared"/> ago, or where no request was forwarded since of
/// <see cref="SharedWhileIdle"/> ago.
/// </summary>
internal sealed class Listings(TimeProvider clock, IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions> json)
{
    /// <summary>Far below the time in which the order of the workers is worth looking at again.</summary>
    private static readonly TimeSpan Shared = TimeSpan.FromMilliseconds(20);

    /// <summary>Where clients only ask, and go to the workers themselves, what is measured here does nothing but age.</summary>
    private static readonly TimeSpan SharedWhileIdle = TimeSpan.FromSeconds(1);

    /// <summary>The last answer of each route that is there; weak, because it may be as long as the route.</summary>
    private readonly ConditionalWeakTable<Route, WeakReference<Answer>> last = [];

    /// <summary>The instances that match the filter.</summary>
    public IResult Of(Route route, InstanceFilter filter)
    {
        var snapshot = route.Snapshot!;
        var now = clock.Elapsed();
        return !filter.IsEmpty ? Make(route, filter, snapshot, now)
            : Find(route) is { } answer && answer.Shows(snapshot) && now - answer.At < Longest(route, answer) ? answer
            : Keep(route, Make(route, filter, snapshot, now));
    }

    private static TimeSpan Longest(Route route, Answer answer) =>
        route.Stats.Activity == answer.Activity ? SharedWhileIdle : Shared;

    private Answer? Find(Route route) =>
        last.TryGetValue(route, out var kept) && kept.TryGetTarget(out var answer) ? answer : null;

    private Answer Keep(Route route, Answer answer)
    {
        last.GetValue(route, static _ => new(null!)).SetTarget(answer);
        return answer;
    }

    private Answer Make(Route route, InstanceFilter filter, RouteSnapshot snapshot, TimeSpan now)
    {
        // First: what happens while this is written counts as later.
        var activity = route.Stats.Activity;
        var found = filter.Apply(snapshot.All)
            .OrderBy(i => i.Info.State)
            .ThenBy(i => i.Link.IsSetAside(now) || i.Link.IsBusy(now) || i.Info.Unreachable)
            .ThenBy(i => WorkerPicker.Cost(i, now) / i.Info.Registration.Weight)
            .ThenBy(i => i.Link.Id)
            .ToList();
        var body = new InstancesBody(
            route.ServiceType.Value, snapshot.Version.Version, found.Select(i => Wire.Of(i, now)), found.Count);
        return new(snapshot, now, activity, JsonSerializer.SerializeToUtf8Bytes(body, json.Value.SerializerOptions));
    }

    private sealed class Answer(RouteSnapshot snapshot, TimeSpan at, (long Ended, int InFlight) activity, byte[] text) : IResult
    {
        public TimeSpan At => at;

        /// <summary>What the route had served by then.</summary>
        public (long Ended, int InFlight) Activity => activity;

        public bool Shows(RouteSnapshot current) => ReferenceEquals(snapshot, current);

        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            httpContext.Response.ContentLength = text.Length;
            return httpContext.Response.Body.WriteAsync(text, httpContext.RequestAborted).AsTask();
        }
    }
}
