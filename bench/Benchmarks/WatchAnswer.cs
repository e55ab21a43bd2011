using BenchmarkDotNet.Attributes;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Benchmarks;

/// <summary>What it costs a registry of 10,000 instances to answer a watch, and to take a renewal.</summary>
[MemoryDiagnoser]
public class WatchAnswer
{
    private const int Instances = 10_000;
    private static readonly TimeSpan Now = TimeSpan.FromSeconds(1);

    private InstanceTable table = null!;
    private RegistryVersion before;
    private int next;

    [GlobalSetup]
    public void SetUp()
    {
        table = new(Sample.Service, epoch: 1, firstVersion: 1, new());
        for (var worker = 1; worker <= Instances; worker++)
        {
            table.Join(new(Sample.Record(worker), Sample.Renewal(worker, load: 0)), Now);
            before = worker == Instances - 1 ? table.Version : before;
        }
    }

    [Benchmark]
    public object NothingNew() => table.ChangesSince(table.Version);

    [Benchmark]
    public object OneChange() => table.ChangesSince(before);

    [Benchmark]
    public object All() => table.ChangesSince(null);

    [Benchmark]
    public bool Renew() => table.Renew(Sample.Renewal((++next % Instances) + 1, load: 0), Now);
}
