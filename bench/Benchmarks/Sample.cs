using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Benchmarks;

internal static class Sample
{
    public static readonly ServiceType Service = ServiceType.ParseKey("service");

    public static Route Route(int instances)
    {
        var route = new Route(
            Service, new WorkerLinks(), TimeProvider.System, new(null, new(100, TimeSpan.FromSeconds(30)), RetryShare: 0.2));
        route.Apply(new(Service, 1, 0, instances, [.. Enumerable.Range(1, instances).Select(Joined)]), isAnswer: true);
        return route;
    }

    public static InstanceChange Change(int worker, long version, WorkerState state, double load) =>
        new(IdOf(worker), 1, false, state, load, 0, worker, version, null);

    public static WorkerId IdOf(int worker) => WorkerId.Parse($"worker-{worker}");

    public static WorkerRecord Record(int worker) =>
        new(IdOf(worker), 1, Registration(worker), false, Guid.Empty, false, DateTimeOffset.UnixEpoch);

    public static Renewal Renewal(int worker, double load) => new(IdOf(worker), 1, false, load, 0, TimeSpan.Zero);

    private static InstanceChange Joined(int worker) =>
        new(IdOf(worker), 1, false, WorkerState.Online, 0, 0, worker, worker, Registration(worker));

    private static Registration Registration(int worker) => new()
    {
        Urls = [$"http://10.0.0.1:{worker}"],
        Services = [Service],
        Lease = Grains.Workers.Registration.MaxLease,
    };
}
