using BenchmarkDotNet.Attributes;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Benchmarks;

/// <summary>What choosing a worker costs a request, its place taken and given back.</summary>
[MemoryDiagnoser]
public class RouteChoice
{
    private readonly WorkerPicker picker = new(TimeProvider.System);
    private RouteSnapshot snapshot = null!;

    [Params(1, 10, 1_000, 10_000)]
    public int Instances { get; set; }

    [GlobalSetup]
    public void SetUp() => snapshot = Sample.Route(Instances).Snapshot!;

    [Benchmark]
    public void Choose() => picker.Pick(snapshot, [], repeatable: true, out _)!.Link.Leave();
}
