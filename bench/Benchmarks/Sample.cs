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

    private static WorkerId IdOf(int worker) => WorkerId.Parse($"worker-{worker}");

    private static InstanceChange Joined(int worker) =>
        new(IdOf(worker), 1, false, WorkerState.Online, 0, 0, worker, worker, new Registration
        {
            Urls = [$"http://10.0.0.1:{worker}"],
            Services = [Service],
        });
}
