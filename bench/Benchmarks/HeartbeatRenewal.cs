using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Benchmarks;

/// <summary>What a heartbeat that changes only lease and load costs a silo that has 10,000 workers in memory.</summary>
[MemoryDiagnoser]
public class HeartbeatRenewal
{
    private const int Workers = 10_000;
    private static readonly Heartbeat Beat = new() { CurrentLoad = 0.42, ActiveRequests = 3 };

    private readonly WorkerId[] ids = [.. Enumerable.Range(1, Workers).Select(Sample.IdOf)];
    private LiveWorkers workers = null!;
    private int next;

    [GlobalSetup]
    public void SetUp()
    {
        // Never started, it keeps the last renewal of each worker.
        var registries = new LocalRegistries();
        var batcher = new RenewalBatcher(
            registries, new(registries, null!, TimeProvider.System), new(() => [], null!, TimeProvider.System), null!,
            TimeProvider.System, Options.Create(new RegistryOptions()), NullLogger<RenewalBatcher>.Instance);
        workers = new(batcher, TimeProvider.System, alone: true);
        for (var worker = 1; worker <= Workers; worker++)
        {
            workers.Enter(ids[worker - 1]).Load(Sample.Record(worker), 0, TimeProvider.System.GetElapsedTime(0));
        }
    }

    [Benchmark]
    public object? Renew() => workers.TryRenew(ids[++next % Workers], Beat);
}
