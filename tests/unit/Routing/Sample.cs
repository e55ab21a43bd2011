using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;
using Instance = WorkerMesh.Gateway.Routing.Instance;

namespace WorkerMesh.Tests.Unit.Routing;

/// <summary>Parts of routes for tests.</summary>
internal static class Sample
{
    public static readonly ServiceType Ocr = ServiceType.ParseKey("ocr");

    public static Registration Registration(string? zone = null, int weight = 1, int? limit = null) => new()
    {
        Urls = ["http://127.0.0.1:1"],
        Services = [Ocr],
        Zone = zone,
        Weight = weight,
        MaxConcurrency = limit,
    };

    public static Instance Instance(
        string id,
        WorkerState state = WorkerState.Online,
        string? zone = null,
        int weight = 1,
        int? limit = null,
        double load = 0) =>
        new(new WorkerLink(WorkerId.Parse(id)), new InstanceInfo(1, Registration(zone, weight, limit), state, load, 0, 1));

    public static RouteSnapshot Snapshot(params IReadOnlyCollection<Instance> instances) => Snapshot(null, instances);

    public static RouteSnapshot Snapshot(string? zone, IReadOnlyCollection<Instance> instances) =>
        RouteSnapshot.Of(new(Ocr, 1, 1), instances, zone);

    /// <summary>A route with nothing configured that a test does not care for.</summary>
    public static Route Route(WorkerLinks links, TimeProvider? clock = null, int queue = 10, double retryShare = 0.2) =>
        new(Ocr, links, clock ?? TimeProvider.System, new(null, new(queue, TimeSpan.FromSeconds(30)), retryShare));

    public static InstanceChange Joined(
        string id, long version, WorkerState state = WorkerState.Online, int? limit = null) =>
        new(WorkerId.Parse(id), 1, false, state, 0, 0, version, version, Registration(limit: limit));

    public static InstanceChange Changed(
        string id, long version, WorkerState state, double load = 0, bool unreachable = false) =>
        new(WorkerId.Parse(id), 1, false, state, load, 0, 1, version, null, unreachable);

    public static InstanceChange Removed(string id, long version) =>
        new(WorkerId.Parse(id), 1, true, WorkerState.Online, 0, 0, 1, version, null);

    public static InstanceChanges Changes(long from, long to, params InstanceChange[] changes) =>
        new(Ocr, 1, from, to, [.. changes]);
}
