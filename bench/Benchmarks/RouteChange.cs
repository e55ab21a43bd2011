using BenchmarkDotNet.Attributes;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Benchmarks;

/// <summary>What one pushed change costs a gateway that routes to so many instances.</summary>
[MemoryDiagnoser]
public class RouteChange
{
    private Route route = null!;
    private long version;

    [Params(10, 10_000)]
    public int Instances { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        route = Sample.Route(Instances);
        version = Instances;
    }

    [Benchmark(Baseline = true)]
    public bool Load() => Apply(WorkerState.Online, load: version % 10);

    [Benchmark]
    public bool State() => Apply(version % 2 == 0 ? WorkerState.Online : WorkerState.Degraded, load: 0);

    private bool Apply(WorkerState state, double load) => route.Apply(
        new(Sample.Service, 1, version, ++version, [Sample.Change(1, version, state, load)]),
        isAnswer: false);
}
