using System.Collections.Concurrent;
using System.Globalization;
using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// Breaks one silo or all on one lane, and something else at the same time on another. Each lane draws from a random
/// sequence of its own, so that what is broken does not depend on how long healing takes.
/// </summary>
internal sealed class FaultInjector(FaultMesh mesh, Scene scene, WorkerProcess[] workers, ITestOutputHelper output)
{
    private readonly ConcurrentBag<(Uri Gateway, TimeSpan From, TimeSpan To)> _gatewaysKilled = [];
    private readonly ConcurrentBag<(Uri Gateway, TimeSpan From, TimeSpan To)> _gatewaysUnready = [];
    private int _count;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public int Count => Volatile.Read(ref _count);

    public int GatewaysKilled => _gatewaysKilled.Count;

    public Task RunAsync(int seed, TimeSpan duration)
    {
        var end = scene.Load.Now + duration;
        return Task.WhenAll(
            LaneAsync(new Random(seed), end, [KillSilo, KillSilo, HangSilo, StopSilo, KillAllSilos]),
            LaneAsync(new Random(seed + 1), end, [
                KillDatabase, HangDatabase, EndSessions, RefuseSessions, RefuseWrites, LockWorkers,
                KillGateway, StopGateway, KillWorker, HangWorker,
            ]));
    }

    /// <summary>
    /// Whether a request got no answer because its gateway was killed just then, or 503 from one that has said since it
    /// started that it is not ready.
    /// </summary>
    public bool Explains(WrongAnswer wrong) => wrong.Status switch
    {
        null => Covers(_gatewaysKilled, wrong),
        503 => Covers(_gatewaysUnready, wrong),
        _ => false,
    };

    private static bool Covers(IEnumerable<(Uri Gateway, TimeSpan From, TimeSpan To)> times, WrongAnswer wrong) =>
        times.Any(time => time.Gateway == wrong.Gateway && wrong.Begun <= time.To && wrong.Ended >= time.From);

    private async Task LaneAsync(Random random, TimeSpan end, Func<Random, Task>[] faults)
    {
        while (scene.Load.Now < end)
        {
            var fault = faults[random.Next(faults.Length)];
            var choices = new Random(random.Next());
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{scene.Load.Now.TotalSeconds:0.0} s: {fault.Method.Name}"));
            Interlocked.Increment(ref _count);
            await fault(choices);
            await scene.RunAsync(choices.NextDouble() * 2);
        }
    }

    private async Task KillSilo(Random random)
    {
        var place = Any(random, mesh.Places);
        if (random.Next(2) == 0)
        {
            place.Hold();
        }

        await place.KillAsync();
        await scene.RunAsync(random.NextDouble() * 6);
        place.Release();
        await place.ActiveAsync();
    }

    private async Task HangSilo(Random random)
    {
        var process = Any(random, mesh.Places).Current.Process;
        await process.SignalAsync("STOP");
        await scene.RunAsync(random.NextDouble() * 10);
        await process.SignalAsync("CONT");
    }

    private async Task StopSilo(Random random)
    {
        var place = Any(random, mesh.Places);
        await place.Current.Process.SignalAsync("TERM");
        await scene.RunAsync(1 + (random.NextDouble() * 3));
        await place.ActiveAsync();
    }

    private async Task KillAllSilos(Random random)
    {
        await mesh.KillAsync();
        await scene.RunAsync(random.NextDouble() * 6);
        foreach (var place in mesh.Places)
        {
            place.Release();
        }
    }

    private async Task KillDatabase(Random random)
    {
        await mesh.Postgres.KillAsync(Token);
        await scene.RunAsync(random.NextDouble() * 8);
        await mesh.Postgres.StartAsync(Token);
    }

    private async Task HangDatabase(Random random)
    {
        await mesh.Postgres.FreezeAsync(Token);
        await scene.RunAsync(random.NextDouble() * 8);
        await mesh.Postgres.ThawAsync(Token);
    }

    private Task EndSessions(Random random) => mesh.Postgres.EndSessionsAsync(mesh.Database, Token);

    private async Task RefuseSessions(Random random)
    {
        await mesh.Postgres.RefuseSessionsAsync(mesh.Database, Token);
        await scene.RunAsync(random.NextDouble() * 8);
        await mesh.Postgres.AllowSessionsAsync(mesh.Database, Token);
    }

    private async Task RefuseWrites(Random random)
    {
        await mesh.Postgres.RefuseWritesAsync(mesh.Database, Token);
        await scene.RunAsync(random.NextDouble() * 8);
        await mesh.Postgres.AllowWritesAsync(mesh.Database, Token);
    }

    private async Task LockWorkers(Random random)
    {
        await using var locked = await mesh.LockWorkersAsync();
        await scene.RunAsync(random.NextDouble() * 8);
    }

    private async Task KillGateway(Random random)
    {
        var gateway = Any(random, mesh.Gateways);
        var from = scene.Load.Now;
        await gateway.Process.KillAsync();
        _gatewaysKilled.Add((gateway.Api.Address, from, scene.Load.Now));
        await scene.RunAsync(random.NextDouble() * 3);
        await StartAsync(gateway);
    }

    private async Task StopGateway(Random random)
    {
        var gateway = Any(random, mesh.Gateways);
        await gateway.Process.SignalAsync("TERM");
        Assert.Equal(0, await gateway.Process.ExitAsync(TimeSpan.FromSeconds(30)));
        await scene.RunAsync(random.NextDouble() * 2);
        await StartAsync(gateway);
    }

    /// <summary>The other lane may have taken what it needs to be ready: it goes on, and this one waits.</summary>
    private async Task StartAsync(GatewayProcess gateway)
    {
        var from = scene.Load.Now;
        await gateway.RestartAsync(untilReady: false);
        await gateway.ReadyAsync();
        // Its first request asks for the route, which takes a while where the registry is lost with its silo just now.
        await Eventually.Equals("its route", 200, async () => (await gateway.Api.GetAsync(scene.Service.Path)).Status, TimeSpan.FromSeconds(60));
        _gatewaysUnready.Add((gateway.Api.Address, from, scene.Load.Now));
    }

    private async Task KillWorker(Random random)
    {
        var worker = Any(random, workers);
        var id = scene.Service.IdOf(worker);
        scene.Control.Silence(id);
        await worker.Process.KillAsync();
        await scene.RunAsync(random.NextDouble() * 4);
        await worker.RestartAsync(samePort: true);
        scene.Control.Resume(id);
    }

    private async Task HangWorker(Random random)
    {
        var worker = Any(random, workers);
        await worker.Process.SignalAsync("STOP");
        await scene.RunAsync(random.NextDouble() * 6);
        await worker.Process.SignalAsync("CONT");
    }

    private static T Any<T>(Random random, IReadOnlyList<T> all) => all[random.Next(all.Count)];
}
