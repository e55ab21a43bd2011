using System.Globalization;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>Batches of heartbeats for workers whose grains are spread over several silos.</summary>
[Collection<OnFaultMesh>]
public sealed class HeartbeatHomesTests(FaultMesh mesh)
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

        Assert.InRange(await CallsOf(RenewAsync), 0, CallsOfItsOwn);
        var place = mesh.Places[0];
        place.Hold();
        await place.KillAsync();
        Assert.InRange(await CallsOf(RenewAsync), Workers / 10, int.MaxValue);
        Assert.InRange(await CallsOf(RenewAsync), 0, CallsOfItsOwn);

        // The one that comes back has none of them in memory; the others don't lose those that they have.
        place.Release();
        await place.ActiveAsync();
        await mesh.WholeAsync();
        await RenewAsync();
        Assert.InRange(await CallsOf(RenewAsync), 0, CallsOfItsOwn);

        async Task RenewAsync()
        {
            var answer = await gateway.Api.PostAsync(
                "/api/workers/heartbeats", new { workers = ids.Select(id => new { worker_id = id, current_load = 0.5 }) });
            Assert.Equal(Workers, answer.Expect(200).Json.GetProperty("renewed").GetInt32());
        }

        async Task<int> CallsOf(Func<Task> action)
        {
            var before = await CallsAsync();
            await action();
            return await CallsAsync() - before;
        }

        async Task<int> CallsAsync()
        {
            await Task.Delay(MetricsKept, TimeProvider.System, TestContext.Current.CancellationToken);
            return (await gateway.Api.GetAsync("/metrics")).Expect(200).Text.Split('\n')
                .Where(line => line.StartsWith("orleans_app_requests_latency_milliseconds_count", StringComparison.Ordinal))
                .Sum(line => int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
        }
    }
}
