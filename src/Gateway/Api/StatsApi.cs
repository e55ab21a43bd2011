using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Gateway.Stats;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Api;

/// <summary>What this gateway counted while it forwarded.</summary>
internal static class StatsApi
{
    public static void MapStats(this IEndpointRouteBuilder app) => app.MapGet("/api/stats", Read)
        .WithTags("cluster").WithName("stats")
        .WithSummary("Routing counters and latencies of this gateway, by service and by worker")
        .Produces<StatsBody>().WithProblems(400);

    private static IResult Read(HttpRequest request, RouteTable routes, GatewayPresence here, TimeProvider clock)
    {
        var errors = new FieldErrors();
        var service = new QueryReader(request.Query, errors).Service("service");
        if (!errors.IsEmpty)
        {
            return Problems.Invalid(errors);
        }

        var now = clock.Elapsed();
        var shown = routes.All
            .Where(r => service is null || r.ServiceType == service)
            .OrderBy(r => r.ServiceType.Value, StringComparer.Ordinal)
            .ToList();
        var links = service is null
            ? routes.Links.All()
            : shown.Select(r => r.Snapshot).OfType<RouteSnapshot>().SelectMany(s => s.All).Select(i => i.Link).ToList();
        return TypedResults.Ok(new StatsBody(
            here.GatewayId,
            here.Describe().StartedAt,
            shown.Select(Of),
            links.OrderBy(l => l.Id).Select(l => new WorkerStatsBody(
                l.Id.Value, l.Requests, l.Failures, l.InFlight, Math.Round(l.LatencySeconds(now), 6), l.IsSetAside(now), l.IsBusy(now), l.IsUnreachable))));
    }

    private static ServiceStatsBody Of(Route route)
    {
        var stats = route.Stats;
        var outcomes = Enum.GetValues<ForwardOutcome>().ToDictionary(GatewayMetrics.NameOf, stats.Count);
        return new(
            route.ServiceType.Value,
            outcomes.Values.Sum(),
            stats.InFlight,
            outcomes,
            stats.Retries,
            route.Retries.Refused,
            Of(stats.FirstByte),
            new(route.Queue.Count, Of(route.Queue.Waits)));
    }

    private static LatencyBody? Of(LatencyHistogram histogram) => histogram.Quantiles(0.5, 0.9, 0.99) is { } found
        ? new(Math.Round(found[0], 6), Math.Round(found[1], 6), Math.Round(found[2], 6))
        : null;
}

internal sealed record LatencyBody(double P50, double P90, double P99);

/// <summary>Requests that wait for a place, and how long those waited who got one.</summary>
internal sealed record QueueBody(int Waiting, LatencyBody? WaitSeconds);

internal sealed record ServiceStatsBody(
    string Service,
    long Requests,
    int InFlight,
    Dictionary<string, long> Outcomes,
    long Retries,
    long RetriesRefused,
    LatencyBody? FirstByteSeconds,
    QueueBody Queue);

internal sealed record WorkerStatsBody(
    string WorkerId, long Requests, long Failures, int InFlight, double LatencySeconds, bool SetAside, bool Busy, bool Unreachable);

internal sealed record StatsBody(
    string GatewayId, DateTimeOffset Since, IEnumerable<ServiceStatsBody> Services, IEnumerable<WorkerStatsBody> Workers);
