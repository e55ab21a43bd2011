using System.Diagnostics;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Requests that are sent again, and those that are not.</summary>
public abstract class RetryTests(Mesh mesh)
{
    [Fact]
    public async Task Where_every_worker_fails_they_get_at_most_a_fifth_more_requests()
    {
        await using var service = mesh.NewService("overload");
        await using var workers = new WorkerSet(await WorkerSet.StartAsync("overload", 3));
        foreach (var worker in workers.All)
        {
            await service.RegisterAsync(worker);
            await worker.SetModeAsync("abort");
        }

        const int requests = 400;
        var clock = Stopwatch.StartNew();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, requests),
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (i, _) => (await mesh.Api.GetAsync($"{service.Path}/{i}")).ExpectProblem(502));
        var seen = 0;
        foreach (var worker in workers.All)
        {
            seen += await worker.SeenAsync();
        }

        // The floor: ten at once, and one a second.
        Assert.InRange(seen - requests, 1, (0.2 * requests) + 10 + clock.Elapsed.TotalSeconds + 1);
        var stats = await StatsAsync(service);
        Assert.Equal(seen - requests, stats.GetProperty("retries").GetInt32());
        Assert.True(stats.GetProperty("retries_refused").GetInt32() > 0);
    }

    [Fact]
    public async Task Refused_connections_are_no_reason_to_fail_however_many_workers_are_gone()
    {
        await using var service = mesh.NewService("gone");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        for (var i = 1; i <= 12; i++)
        {
            (await service.PutAsync(mesh.Api, service.IdOf($"gone{i}"), service.Registration($"http://127.0.0.1:{i}"))).Expect(201);
        }

        await service.EverywhereAsync("all are listed", list => list.GetProperty("count").GetInt32() == 13);
        for (var i = 0; i < 100; i++)
        {
            (await mesh.Api.PostAsync($"{service.Path}/{i}", "{}")).Expect(200);
        }

        Assert.Equal(0, (await StatsAsync(service)).GetProperty("retries_refused").GetInt32());
    }

    [Fact]
    public async Task A_busy_worker_is_passed_over_for_as_long_as_it_says()
    {
        await using var service = mesh.NewService("busy");
        await using var workers = new WorkerSet(await WorkerSet.StartAsync("busy", 2));
        var (busy, free) = (workers.All[0], workers.All[1]);
        await busy.SetModeAsync("busy=30");
        await service.RegisterAsync(busy);
        // Alone, its answer is the client's.
        var only = await mesh.Api.GetAsync($"{service.Path}/alone");
        Assert.Equal(("busy", "30", service.IdOf(busy)), (only.Expect(503).Text, only.Header("Retry-After"), only.MeshWorker));
        (await mesh.Api.DeleteAsync($"/api/workers/{service.IdOf(busy)}")).Expect(204);
        await service.RegisterAsync(busy);
        await service.RegisterAsync(free);
        var before = await busy.SeenAsync();
        var explained = new List<string>();
        for (var i = 0; i < 40; i++)
        {
            // Without a body any method can be sent again: a 503 says that nothing was done.
            var answer = await mesh.Api.SendAsync(
                i % 2 == 0 ? HttpMethod.Get : HttpMethod.Post, $"{service.Path}/{i}", null, ("X-Mesh-Explain", "1"));
            Assert.Equal(service.IdOf(free), answer.Expect(200).MeshWorker);
            explained.Add(answer.Header("X-Mesh-Explain")!);
        }

        Assert.Equal(before + 1, await busy.SeenAsync());
        Assert.Contains($"\"{service.IdOf(busy)}\";passed=busy", explained[^1], StringComparison.Ordinal);
        var listed = Service.Find(await service.ListAsync(mesh.Api), service.IdOf(busy))!.Value;
        Assert.True(listed.GetProperty("gateway_busy").GetBoolean());
        Assert.False(listed.GetProperty("gateway_set_aside").GetBoolean());

        // All are: whoever is asked, its answer is passed on as it is, and the others are not asked too.
        await free.SetModeAsync("busy=30");
        var (seenBusy, seenFree) = (await busy.SeenAsync(), await free.SeenAsync());
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("busy", (await mesh.Api.GetAsync($"{service.Path}/{i}")).Expect(503).Text);
        }

        Assert.Equal(20, await busy.SeenAsync() - seenBusy + (await free.SeenAsync() - seenFree));
    }

    [Fact]
    public async Task A_request_with_a_body_is_not_sent_again_to_another_worker()
    {
        await using var service = mesh.NewService("body");
        await using var workers = new WorkerSet(await WorkerSet.StartAsync("body", 2));
        foreach (var worker in workers.All)
        {
            await worker.SetModeAsync("busy=1");
            await service.RegisterAsync(worker);
        }

        Assert.Equal("busy", (await mesh.Api.PostAsync(service.Path, "{}")).Expect(503).Text);
        Assert.Equal(1, await workers.All[0].SeenAsync() + await workers.All[1].SeenAsync());
    }

    private async Task<JsonElement> StatsAsync(Service service) =>
        (await mesh.Api.GetAsync($"/api/stats?service={service.Name}")).Expect(200).Json.GetProperty("services")[0];
}

[Collection<OnEmbeddedMesh>]
public sealed class RetryEmbeddedTests(EmbeddedMesh mesh) : RetryTests(mesh);

[Collection<OnCluster>]
public sealed class RetryClusterTests(ClusterMesh mesh) : RetryTests(mesh);
