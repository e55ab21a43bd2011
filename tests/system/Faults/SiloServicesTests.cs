using System.Globalization;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>What goes to silos without a call to a grain: heartbeats, and registrations of new workers.</summary>
[Collection<OnFaultMesh>]
public sealed class SiloServicesTests(FaultMesh mesh)
{
    private const int Workers = 200;

    /// <summary>What a gateway calls for its own sake within a second or two: its presence, what it watches.</summary>
    private const int CallsOfItsOwn = 20;

    /// <summary>So long metrics are answered as they were before.</summary>
    private static readonly TimeSpan MetricsKept = TimeSpan.FromSeconds(0.4);

    [Fact]
    public async Task A_batch_takes_no_call_to_a_grain_once_it_is_known_where_the_workers_are_also_after_a_kill()
    {
        await mesh.HealAsync();
        // It knows nothing of them yet.
        await using var gateway = await mesh.StartGatewayAsync();
        await using var service = mesh.NewService("homes");
        var ids = Enumerable.Range(0, Workers).Select(i => service.IdOf($"w{i}")).ToList();
        await Task.WhenAll(ids.Select(async id =>
        {
            service.Remember(id);
            (await gateway.Api.PutAsync($"/api/workers/{id}?check=false", service.Registration("http://127.0.0.1:9"))).Expect(201);
        }));
        // By now each was renewed, where it was guessed or by its grain.
        await RenewAsync();

        Assert.InRange(await CallsOf(gateway, RenewAsync), 0, CallsOfItsOwn);
        var place = mesh.Places[0];
        place.Hold();
        await place.KillAsync();
        Assert.InRange(await CallsOf(gateway, RenewAsync), Workers / 10, int.MaxValue);
        Assert.InRange(await CallsOf(gateway, RenewAsync), 0, CallsOfItsOwn);

        // The one that comes back has none of them in memory; the others don't lose those that they have.
        place.Release();
        await place.ActiveAsync();
        await mesh.WholeAsync();
        await RenewAsync();
        Assert.InRange(await CallsOf(gateway, RenewAsync), 0, CallsOfItsOwn);

        async Task RenewAsync()
        {
            var answer = await gateway.Api.PostAsync(
                "/api/workers/heartbeats", new { workers = ids.Select(id => new { worker_id = id, current_load = 0.5 }) });
            Assert.Equal(Workers, answer.Expect(200).Json.GetProperty("renewed").GetInt32());
        }
    }

    [Fact]
    public async Task New_workers_are_registered_without_a_call_to_a_grain_also_after_a_kill()
    {
        await mesh.HealAsync();
        await using var gateway = await mesh.StartGatewayAsync();
        await using var service = mesh.NewService("newcomers");
        var number = 0;
        // With it the gateway learns above which incarnation new workers begin.
        await RegisterAsync(1);

        Assert.InRange(await CallsOf(gateway, () => RegisterAsync(Workers)), 0, CallsOfItsOwn);
        var place = mesh.Places[0];
        place.Hold();
        await place.KillAsync();
        // It is among the silos until it is declared dead: what was sent there goes another way.
        await RegisterAsync(Workers);
        await mesh.DeadAsync(place.SiloPort, TimeSpan.FromSeconds(30));
        Assert.InRange(await CallsOf(gateway, () => RegisterAsync(Workers)), 0, CallsOfItsOwn);

        place.Release();
        await place.ActiveAsync();
        await mesh.WholeAsync();
        Assert.InRange(await CallsOf(gateway, () => RegisterAsync(Workers)), 0, CallsOfItsOwn);

        Task RegisterAsync(int workers) => Task.WhenAll(Enumerable.Range(0, workers).Select(async _ =>
        {
            var id = service.IdOf($"w{Interlocked.Increment(ref number)}");
            service.Remember(id);
            (await gateway.Api.PutAsync($"/api/workers/{id}?check=false", service.Registration("http://127.0.0.1:9"))).Expect(201);
        }));
    }

    private static async Task<int> CallsOf(GatewayProcess gateway, Func<Task> action)
    {
        var before = await CallsAsync(gateway);
        await action();
        return await CallsAsync(gateway) - before;
    }

    private static async Task<int> CallsAsync(GatewayProcess gateway)
    {
        await Task.Delay(MetricsKept, TimeProvider.System, TestContext.Current.CancellationToken);
        return (await gateway.Api.GetAsync("/metrics")).Expect(200).Text.Split('\n')
            .Where(line => line.StartsWith("orleans_app_requests_latency_milliseconds_count", StringComparison.Ordinal))
            .Sum(line => int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
    }
}
