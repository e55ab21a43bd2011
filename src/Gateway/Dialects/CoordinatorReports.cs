using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Dialects;

/// <summary>The coordinator API, as far as people and front-ends read it. Mapping only.</summary>
internal static class CoordinatorReports
{
    /// <summary>
    /// Where the first system's overlay listened; told because its workers read it, and nothing listens there.
    /// </summary>
    private const int DhtPort = 8468;

    public static void MapCoordinatorReports(this IEndpointRouteBuilder app)
    {
        var api = app.MapGroup("/api").WithTags("coordinator");
        api.MapGet("/coordinator/workers", HealthyWorkers).WithName("coordinator_workers").WithSummary("The healthy workers")
            .Produces<CoordinatorWorkersBody>().WithProblems(503);
        api.MapGet("/admin/workers", AllWorkers).WithName("admin_workers").WithSummary("All workers and their age")
            .Produces<AdminWorkersBody>().WithProblems(503);
        api.MapGet("/admin/services", Services).WithName("admin_services").WithSummary("Service types and who serves them")
            .Produces<AdminServicesBody>().WithProblems(503);
        api.MapGet("/services/list", List).WithName("services_list").WithSummary("Service types by name, the assignment catalog's included")
            .Produces<ServiceListBody>().WithProblems(503);
        api.MapGet("/admin/gaps", Gaps).WithName("admin_gaps").WithSummary("Services of the assignment catalog that lack workers")
            .Produces<GapsBody>().WithProblems(503);
        api.MapGet("/dht/bootstrap", Bootstrap).WithName("dht_bootstrap").WithSummary("Healthy workers, in the shape of overlay seeds")
            .Produces<SeedsBody>().WithProblems(503);
        api.MapGet("/dht/topology", ClusterApi.Topology).WithName("dht_topology").WithSummary("What /api/topology says")
            .Produces<TopologyBody>().WithProblems(400, 503);
        api.MapGet("/dht/stats", DhtStats).WithName("dht_stats").WithSummary("What /api/peers says, in the overlay's shape")
            .Produces<DhtStatsBody>().WithProblems(503);
    }

    private static async Task<IResult> HealthyWorkers(WorkerCalls calls, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var workers = (await calls.ListAll()).Where(w => w.State.IsHealthy()).Select(w => Of(w, now)).ToList();
        return TypedResults.Ok(new CoordinatorWorkersBody(workers, workers.Count, now));
    }

    private static async Task<IResult> AllWorkers(WorkerCalls calls, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var workers = (await calls.ListAll()).Select(w => Of(w, now)).ToList();
        return TypedResults.Ok(new AdminWorkersBody(workers, workers.Count, workers.Count(w => w.IsHealthy)));
    }

    private static async Task<IResult> Services(WorkerCalls calls)
    {
        var services = (await calls.ListAll())
            .Where(w => w.State.IsHealthy())
            .SelectMany(w => w.Record.Registration.Services.Select(s => (Service: s.Value, Worker: w.Record.Id.Value)))
            .GroupBy(pair => pair.Service, pair => pair.Worker)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => new AdminServiceBody(group.Key, [.. group], group.Count()))
            .ToList();
        return TypedResults.Ok(new AdminServicesBody(services, services.Count));
    }

    private static async Task<IResult> List(ClusterCalls cluster, IOptions<AssignmentOptions> assignment, TimeProvider clock)
    {
        var counts = await CountHealthy(cluster);
        var catalog = assignment.Value.Catalog.ToDictionary(s => s.Name);
        var services = catalog.Keys.Union(counts.Keys).Order(StringComparer.Ordinal).ToDictionary(
            name => name,
            name => new ListedServiceBody(
                name,
                counts.GetValueOrDefault(name),
                catalog.GetValueOrDefault(name)?.Tier,
                catalog.GetValueOrDefault(name)?.Requires));
        return TypedResults.Ok(new ServiceListBody(
            services, services.Values.Count(s => s.HealthyWorkers > 0), clock.GetUtcNow()));
    }

    private static async Task<IResult> Gaps(ClusterCalls cluster, IOptions<AssignmentOptions> assignment)
    {
        var counts = await CountHealthy(cluster);
        var gaps = assignment.Value.Catalog
            .Select(s => (Service: s, Workers: counts.GetValueOrDefault(s.Name)))
            .Select(s => new GapBody(s.Service.Name, s.Service.Requires, s.Service.Priority, s.Workers, StatusOf(s.Workers), s.Service.Port))
            .OrderBy(gap => gap.CurrentWorkers)
            .ThenBy(gap => gap.Priority)
            .ToList();
        var critical = gaps.Count(gap => gap.Status == "critical");
        var warnings = gaps.Count(gap => gap.Status == "warning");
        return TypedResults.Ok(new GapsBody(
            gaps, critical, warnings, new(gaps.Count, gaps.Count - critical, critical + warnings)));
    }

    private static async Task<IResult> Bootstrap(WorkerCalls calls, TimeProvider clock)
    {
        var seeds = (await calls.ListAll()).Where(w => w.State.IsHealthy())
            .Select(w => new SeedBody(w.Record.Id.Value, w.Record.Registration.TunnelUrl, DhtPort))
            .ToList();
        return TypedResults.Ok(new SeedsBody(seeds, seeds.Count, clock.GetUtcNow()));
    }

    private static async Task<IResult> DhtStats(ClusterCalls cluster, GatewayPresence here, CancellationToken cancellationToken)
    {
        var (peers, gateways) = await ClusterApi.Read(cluster, here, cancellationToken);
        var workers = (await cluster.Call(grains => grains.GetGrain<IServiceCatalogGrain>(0).List(), cancellationToken)).Workers;
        var active = peers.Silos.Count(s => s.Status == "active");
        return TypedResults.Ok(new DhtStatsBody(
            active > 0, active, gateways.Length, gateways.Select(g => g.Id), workers.Total, workers.Healthy));
    }

    private static async Task<Dictionary<string, int>> CountHealthy(ClusterCalls cluster)
    {
        var catalog = await cluster.Call(grains => grains.GetGrain<IServiceCatalogGrain>(0).List(), CancellationToken.None);
        return catalog.Services.ToDictionary(s => s.ServiceType.Value, s => s.Workers.Healthy);
    }

    /// <summary>No worker is critical; a single one, whose loss would make it so, is a warning.</summary>
    private static string StatusOf(int workers) => workers switch
    {
        0 => "critical",
        1 => "warning",
        _ => "ok",
    };

    private static CoordinatorWorkerBody Of(WorkerDescription worker, DateTimeOffset now)
    {
        var registration = worker.Record.Registration;
        var profile = WorkerProfile.Of(registration.Capabilities);
        return new(
            worker.Record.Id.Value,
            profile.Type,
            profile.Tier,
            registration.TunnelUrl,
            registration.VpnIp,
            new(registration.Capabilities),
            registration.Services.Select(s => s.Value),
            worker.Load,
            worker.ActiveRequests,
            Wire.NameOf(worker.State),
            worker.Record.RegisteredAt,
            now - worker.HeardAgo,
            Math.Round(worker.HeardAgo.TotalSeconds, 3),
            worker.State.IsHealthy());
    }
}

internal sealed record CoordinatorWorkerBody(
    string WorkerId,
    string WorkerType,
    int Tier,
    string TunnelUrl,
    string? VpnIp,
    RawJson Capabilities,
    IEnumerable<string> Services,
    double Load,
    int ActiveRequests,
    string Status,
    DateTimeOffset RegisteredAt,
    DateTimeOffset LastHeartbeat,
    double AgeSeconds,
    bool IsHealthy);

internal sealed record CoordinatorWorkersBody(IEnumerable<CoordinatorWorkerBody> Workers, int Count, DateTimeOffset Timestamp);

internal sealed record AdminWorkersBody(IEnumerable<CoordinatorWorkerBody> Workers, int Total, int Healthy);

internal sealed record AdminServiceBody(string Name, IEnumerable<string> Workers, int WorkerCount);

internal sealed record AdminServicesBody(IEnumerable<AdminServiceBody> Services, int TotalServices);

internal sealed record ListedServiceBody(string Name, int HealthyWorkers, int? Tier, string? Requires);

internal sealed record ServiceListBody(Dictionary<string, ListedServiceBody> Services, int TotalAvailable, DateTimeOffset Timestamp);

internal sealed record GapBody(string Service, string RequiredType, int Priority, int CurrentWorkers, string Status, int Port);

internal sealed record GapSummaryBody(int TotalServices, int Covered, int NeedsAttention);

internal sealed record GapsBody(IEnumerable<GapBody> Gaps, int CriticalGaps, int Warnings, GapSummaryBody Summary);

internal sealed record SeedBody(string WorkerId, string TunnelUrl, int DhtPort);

internal sealed record SeedsBody(IEnumerable<SeedBody> Seeds, int SeedCount, DateTimeOffset Timestamp);

internal sealed record DhtStatsBody(
    bool DhtEnabled, int NodeCount, int CoordinatorCount, IEnumerable<string> Coordinators, int LocalWorkers, int HealthyWorkers);
