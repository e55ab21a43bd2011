using BenchmarkDotNet.Attributes;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Benchmarks;

/// <summary>What choosing a worker costs a request, its place taken and given back.</summary>
[MemoryDiagnoser]
public class RouteChoice
{
    private readonly WorkerPicker picker = new(TimeProvider.System);
    private RouteSnapshot snapshot = null!;
    private ulong key;

    [Params(1, 10, 1_000, 10_000)]
    public int Instances { get; set; }

    [GlobalSetup]
    public void SetUp() => snapshot = Sample.Route(Instances).Snapshot!;

    [Benchmark]
    public void Choose() => picker.Pick(new(snapshot, [], repeatable: true)).Instance!.Link.Leave();

    /// <summary>With an affinity key, whose order is looked up among all of them.</summary>
    [Benchmark]
    public void ChooseByKey() => picker.Pick(new(snapshot, [], repeatable: true, affinity: ++key)).Instance!.Link.Leave();
}
