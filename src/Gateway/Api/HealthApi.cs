using Microsoft.AspNetCore.Http.HttpResults;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// Health, for people and existing clients (/health) and for orchestrators (/health/live, /health/ready).
/// </summary>
internal static class HealthApi
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        var health = app.MapGroup("/health").WithTags("health");
        health.MapGet("", Summary).WithName("health").WithSummary("Summary for people").Produces<HealthBody>().Produces<HealthBody>(503);
        health.MapGet("/live", () => TypedResults.Ok(new ProbeBody("live", null)))
            .WithName("live").WithSummary("The process runs").Produces<ProbeBody>();
        health.MapGet("/ready", Ready).WithName("ready").WithSummary("It can serve").Produces<ProbeBody>().Produces<ProbeBody>(503);
    }

    /// <summary>
    /// Once the cluster was reached the gateway can serve on what it knows, whatever becomes of the cluster.
    /// </summary>
    private static JsonHttpResult<ProbeBody> Ready(ClusterLink link, IHostApplicationLifetime lifetime) => (link, lifetime) switch
    {
        (_, { ApplicationStopping.IsCancellationRequested: true }) => Answer(503, "This gateway is shutting down."),
        ({ EverConnected: false }, _) => Answer(503, "No silo has answered this gateway yet; it goes on trying."),
        ({ Connected: false }, _) => Answer(200, "The silos do not answer; requests are forwarded on the routes known."),
        _ => Answer(200, null),
    };

    private static JsonHttpResult<ProbeBody> Answer(int status, string? detail) =>
        TypedResults.Json(new ProbeBody(status == 200 ? "ready" : "not_ready", detail), statusCode: status);

    private static async Task<IResult> Summary(
        IGrainFactory grains, ClusterLink link, GatewayPresence here, TimeProvider clock)
    {
        var counts = await Count(grains, link, clock);
        var status = !link.EverConnected ? "unavailable" : link.Connected && counts is not null ? "healthy" : "degraded";
        var now = clock.GetUtcNow();
        var gateway = here.Describe();
        var body = new HealthBody(
            status,
            now,
            counts is not { } known ? null : new(known.Total, known.Healthy, known.Offline, Wire.Of(known)),
            new(gateway.Id, gateway.Zone, Math.Round((now - gateway.StartedAt).TotalSeconds, 3)),
            new(link.Connected, here.KnownServices.Length));
        return TypedResults.Json(body, statusCode: link.EverConnected ? 200 : 503);
    }

    /// <summary>
    /// Null where the cluster does not answer soon: health is asked for when things are bad, and must answer.
    /// </summary>
    private static async Task<StateCounts?> Count(IGrainFactory grains, ClusterLink link, TimeProvider clock)
    {
        if (!link.Connected)
        {
            return null;
        }

        try
        {
            return (await grains.GetGrain<IServiceCatalogGrain>(0).List().WaitAsync(Patience, clock)).Workers;
        }
        catch (Exception e) when (ClusterCalls.IsPassing(e) || e is Grains.Storage.StoreUnavailableException)
        {
            return null;
        }
    }
}

internal sealed record ProbeBody(string Status, string? Detail);

internal sealed record HealthWorkersBody(int Total, int Active, int Stale, StateCountsBody States);

internal sealed record HealthGatewayBody(string Id, string? Zone, double UptimeSeconds);

internal sealed record HealthClusterBody(bool Connected, int ServiceTypes);

internal sealed record HealthBody(
    string Status,
    DateTimeOffset Timestamp,
    HealthWorkersBody? Workers,
    HealthGatewayBody Gateway,
    HealthClusterBody Cluster);
