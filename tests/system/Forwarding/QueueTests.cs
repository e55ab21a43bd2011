using System.Text.Json;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Requests that wait for a place at workers that take only so many.</summary>
public abstract class QueueTests(Mesh mesh)
{
    private const int Places = 4;

    [Fact]
    public async Task Requests_are_served_in_the_order_in_which_they_came_urgent_ones_first()
    {
        await using var service = mesh.NewService("ordered");
        await using var worker = await WorkerProcess.StartAsync("ordered");
        await service.RegisterAsync(worker, ("max_concurrency", 1));
        var first = await HoldAsync(service, worker, "first");
        List<Task<Answer>> waiting = [];
        foreach (var (tag, priority) in ((string, string)[])[("a", "normal"), ("b", "normal"), ("c", "high"), ("d", "normal"), ("e", "high")])
        {
            waiting.Add(SendAsync(mesh.Api, service, $"/slow?ms=0&tag={tag}", ("X-Mesh-Priority", priority)));
            await WaitingAsync(mesh.Api, service, waiting.Count);
        }

        Assert.All(waiting, request => Assert.False(request.IsCompleted));
        foreach (var request in waiting.Append(first))
        {
            (await request).Expect(200);
        }

        var began = worker.Process.Log.Split('\n')
            .Where(line => line.Contains("slow began", StringComparison.Ordinal)).Select(line => line[^1..]);
        Assert.Equal("tceabd", string.Concat(began));
        var stats = await StatsAsync(mesh.Api, service);
        Assert.Equal(0, stats.GetProperty("queue").GetProperty("waiting").GetInt32());
        Assert.True(stats.GetProperty("queue").GetProperty("wait_seconds").GetProperty("p50").GetDouble() > 0);
        var metrics = (await mesh.Api.GetAsync("/metrics")).Expect(200).Text;
        Assert.Contains("mesh_queue_length{", metrics, StringComparison.Ordinal);
        Assert.Contains("mesh_queue_wait_duration_seconds_count", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_are_refused_with_an_estimate_and_who_leaves_makes_room()
    {
        await using var service = mesh.NewService("bounded");
        await using var gateway = await mesh.StartGatewayAsync(($"Gateway__Services__{service.Name}__QueueLength", "4"));
        await using var worker = await WorkerProcess.StartAsync("bounded");
        await service.PutAsync(
            gateway.Api, service.IdOf(worker), service.Registration(worker.Url, ("max_concurrency", 1)));
        await service.ListsAsync(gateway.Api, "it is listed", list => list.GetProperty("count").GetInt32() == 1);
        var held = gateway.Api.GetAsync($"{service.Path}/slow?ms=3000&tag={service.Name}");
        await worker.Process.LineAsync($"slow began {service.Name}");
        using var leave = new CancellationTokenSource();
        var leaving = gateway.Api.Http.GetAsync(gateway.Api.Uri($"{service.Path}/leaves"), leave.Token);
        await WaitingAsync(gateway.Api, service, 1);
        var waiting = Enumerable.Range(1, Places - 1).Select(i => gateway.Api.GetAsync($"{service.Path}/{i}")).ToList();
        await WaitingAsync(gateway.Api, service, Places);

        var refused = await SendAsync(gateway.Api, service, "/too-many", ("X-Mesh-Explain", "1"));
        var problem = refused.ExpectProblem(429);
        Assert.Equal(service.Name, problem.GetProperty("service").GetString());
        Assert.InRange(int.Parse(refused.Header("Retry-After")!, null), 1, 60);
        Assert.Contains("passed=at-limit", refused.Header("X-Mesh-Explain"), StringComparison.Ordinal);

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        await WaitingAsync(gateway.Api, service, Places - 1);
        waiting.Add(gateway.Api.GetAsync($"{service.Path}/room"));
        foreach (var request in waiting.Append(held))
        {
            (await request).Expect(200);
        }

        // The one that left was never sent.
        Assert.Equal(Places + 1, await worker.SeenAsync());
        var outcomes = (await StatsAsync(gateway.Api, service)).GetProperty("outcomes");
        Assert.Equal(1, outcomes.GetProperty("refused").GetInt32());
        Assert.Equal(1, outcomes.GetProperty("client_gone").GetInt32());
    }

    [Fact]
    public async Task Who_waits_too_long_is_refused()
    {
        await using var service = mesh.NewService("impatient");
        await using var gateway = await mesh.StartGatewayAsync(
            ($"Gateway__Services__{service.Name}__QueueTimeout", "00:00:00.300"));
        await using var worker = await WorkerProcess.StartAsync("impatient");
        await service.PutAsync(
            gateway.Api, service.IdOf(worker), service.Registration(worker.Url, ("max_concurrency", 1)));
        await service.ListsAsync(gateway.Api, "it is listed", list => list.GetProperty("count").GetInt32() == 1);
        var held = gateway.Api.GetAsync($"{service.Path}/slow?ms=3000&tag={service.Name}");
        await worker.Process.LineAsync($"slow began {service.Name}");
        (await gateway.Api.GetAsync($"{service.Path}/late")).ExpectProblem(429);
        Assert.False(held.IsCompleted);
        (await held).Expect(200);
        Assert.Equal(1, await worker.SeenAsync());
    }

    [Fact]
    public async Task A_worker_that_joins_is_given_those_who_wait_and_one_on_two_services_serves_both()
    {
        await using var one = mesh.NewService("shared");
        await using var other = mesh.NewService("shared");
        await using var worker = await WorkerProcess.StartAsync("shared");
        var id = one.IdOf(worker);
        string[] services = [one.Name, other.Name];
        (await one.PutAsync(mesh.Api, id, one.Registration(worker.Url, ("services", services), ("max_concurrency", 1)))).Expect(201);
        await one.EverywhereAsync("it is listed", list => Service.Find(list, id) is not null);
        var held = await HoldAsync(one, worker, "held");
        var here = SendAsync(mesh.Api, one, "/slow?ms=500&tag=here");
        await WaitingAsync(mesh.Api, one, 1);
        var there = SendAsync(mesh.Api, other, "/there");
        await WaitingAsync(mesh.Api, other, 1);
        await using var second = await WorkerProcess.StartAsync("joins");
        await other.RegisterAsync(second);
        Assert.Equal(other.IdOf(second), (await there).Expect(200).MeshWorker);
        Assert.False(here.IsCompleted);
        (await held).Expect(200);
        (await here).Expect(200);
    }

    [Fact]
    public async Task A_priority_that_is_none_is_refused_by_name()
    {
        await using var service = mesh.NewService("priority");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        foreach (var (header, value) in ((string, string)[])
            [("X-Mesh-Priority", "urgent"), ("X-Mesh-Affinity", new('k', 257)), ("X-Mesh-Explain", "yes")])
        {
            (await SendAsync(mesh.Api, service, "/x", (header, value))).ExpectError(400, header);
        }
    }

    private static async Task<Answer> SendAsync(
        Api api, Service service, string path, params (string Name, string Value)[] headers) =>
        await api.SendAsync(HttpMethod.Get, service.Path + path, null, headers);

    /// <summary>A request that is at the worker for a while.</summary>
    private async Task<Task<Answer>> HoldAsync(Service service, WorkerProcess worker, string tag)
    {
        var request = mesh.Api.GetAsync($"{service.Path}/slow?ms=3000&tag={tag}");
        await worker.Process.LineAsync($"slow began {tag}");
        return request;
    }

    private static Task<int> WaitingAsync(Api api, Service service, int count) => Eventually.Equals(
        "requests that wait",
        count,
        async () => (await AllStatsAsync(api, service)).Select(s => s.GetProperty("queue").GetProperty("waiting").GetInt32()).Sum());

    private static async Task<JsonElement> StatsAsync(Api api, Service service) => (await AllStatsAsync(api, service)).Single();

    /// <summary>None before the first request.</summary>
    private static async Task<JsonElement.ArrayEnumerator> AllStatsAsync(Api api, Service service) =>
        (await api.GetAsync($"/api/stats?service={service.Name}")).Expect(200).Json.GetProperty("services").EnumerateArray();
}

[Collection<OnEmbeddedMesh>]
public sealed class QueueEmbeddedTests(EmbeddedMesh mesh) : QueueTests(mesh);

[Collection<OnCluster>]
public sealed class QueueClusterTests(ClusterMesh mesh) : QueueTests(mesh);
