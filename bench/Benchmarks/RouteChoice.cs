using BenchmarkDotNet.Attributes;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Benchmarks;

/// <summary>What choosing a worker costs a request, its place taken and given back.</summary>
[MemoryDiagnoser]
public class RouteChoice
{
    private RouteSnapshot snapshot = null!;
    private RouteSnapshot busy = null!;
    private TimeSpan now;
    private ulong key;

    [Params(1, 10, 1_000, 10_000)]
    public int Instances { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        (snapshot, busy) = (Sample.Route(Instances).Snapshot!, Sample.Route(Instances).Snapshot!);
        now = TimeProvider.System.Elapsed();
        // As many in flight at each that its share is looked at.
        foreach (var instance in busy.All)
        {
            for (var i = 0; i < 8; i++)
            {
                instance.Link.TryEnter(null);
            }
        }

        // As in use: of a worker that has answered nothing yet no average is to be worked out.
        foreach (var instance in snapshot.All)
        {
            instance.Link.Answered(0.05, now);
        }
    }

    [Benchmark]
    public void Choose() => WorkerPicker.Pick(new(snapshot, [], repeatable: true), Next()).Instance!.Link.Leave();

    /// <summary>With an affinity key, whose order is looked up among all of them.</summary>
    [Benchmark]
    public void ChooseByKey() =>
        WorkerPicker.Pick(new(snapshot, [], repeatable: true, affinity: ++key), Next()).Instance!.Link.Leave();

    /// <summary>The same where all of them have requests in flight.</summary>
    [Benchmark]
    public void ChooseByKeyBusy() =>
        WorkerPicker.Pick(new(busy, [], repeatable: true, affinity: ++key), Next()).Instance!.Link.Leave();

    /// <summary>A request reads the clock for other things as well; here it comes a microsecond after the last one.</summary>
    private TimeSpan Next() => now += TimeSpan.FromMicroseconds(1);
}
