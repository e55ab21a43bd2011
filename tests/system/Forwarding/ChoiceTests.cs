namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Which worker a request goes to.</summary>
public abstract class ChoiceTests(Mesh mesh)
{
    private const int Requests = 50;

    [Fact]
    public async Task A_worker_gets_no_more_requests_at_once_than_it_takes()
    {
        await using var service = mesh.NewService("places");
        // None may wait.
        await using var gateway = await mesh.StartGatewayAsync(($"Gateway__Services__{service.Name}__QueueLength", "0"));
        var workers = await mesh.WorkersAsync(2);
        foreach (var worker in workers)
        {
            await service.PutAsync(
                gateway.Api, service.IdOf(worker), service.Registration(worker.Url, ("max_concurrency", 1)));
        }

        await service.ListsAsync(gateway.Api, "both are listed", list => list.GetProperty("count").GetInt32() == 2);
        var first = await BeginAsync(0);
        var second = await BeginAsync(1);
        var refused = await gateway.Api.GetAsync($"{service.Path}/third");
        Assert.Equal(service.Name, refused.ExpectProblem(429).GetProperty("service").GetString());
        Assert.Equal("1", refused.Header("Retry-After"));
        string?[] answered = [(await first).Expect(200).MeshWorker, (await second).Expect(200).MeshWorker];
        Assert.Equal(workers.Select(service.IdOf).Order(), answered.Order());
        (await gateway.Api.GetAsync($"{service.Path}/later")).Expect(200);

        (await gateway.Api.DeleteAsync($"/api/workers/{service.IdOf(workers[0])}")).Expect(204);
        await service.ListsAsync(gateway.Api, "one is listed", list => list.GetProperty("count").GetInt32() == 1);
        var alone = await BeginAsync(2);
        (await gateway.Api.GetAsync($"{service.Path}/beside")).ExpectProblem(429);
        Assert.Equal(service.IdOf(workers[1]), (await alone).Expect(200).MeshWorker);

        // Ends long after the requests beside it have been answered.
        async Task<Task<Answer>> BeginAsync(int number)
        {
            var tag = $"{service.Name}.{number}";
            var request = gateway.Api.GetAsync($"{service.Path}/slow?ms=1500&tag={tag}");
            await await Task.WhenAny(workers.Select(w => w.Process.LineAsync($"slow began {tag}")));
            return request;
        }
    }

    [Fact]
    public async Task A_degraded_worker_gets_requests_only_where_none_is_online()
    {
        await using var service = mesh.NewService("degraded");
        var workers = await mesh.WorkersAsync(2);
        var (weak, strong) = (service.IdOf(workers[0]), service.IdOf(workers[1]));
        await Task.WhenAll(workers.Select(w => service.RegisterAsync(w)));
        (await mesh.Api.PostAsync($"/api/workers/{weak}/heartbeat", new { status = "degraded" })).Expect(200);
        await service.EverywhereAsync("it is degraded", list => Service.StateOf(list, weak) == "degraded");
        await ExpectAllFromAsync(service, strong);
        (await mesh.Api.DeleteAsync($"/api/workers/{strong}")).Expect(204);
        await service.EverywhereAsync("it is alone", list => list.GetProperty("count").GetInt32() == 1);
        await ExpectAllFromAsync(service, weak);
    }

    [Fact]
    public async Task A_gateway_prefers_its_own_zone_and_takes_others_where_it_must()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__Zone", "rack-a"));
        await using var service = mesh.NewService("zoned");
        var workers = await mesh.WorkersAsync(2);
        var (near, far) = (service.IdOf(workers[0]), service.IdOf(workers[1]));
        var body = service.Registration(workers[0].Url, ("zone", "rack-a"));
        (await service.PutAsync(gateway.Api, near, body)).Expect(201);
        body = service.Registration(workers[1].Url, ("zone", "rack-b"));
        (await service.PutAsync(gateway.Api, far, body)).Expect(201);
        await service.ListsAsync(gateway.Api, "both are listed", list => list.GetProperty("count").GetInt32() == 2);
        await ExpectAllFromAsync(gateway.Api, service, near);
        (await gateway.Api.PostAsync($"/api/workers/{near}/drain")).Expect(200);
        await service.ListsAsync(gateway.Api, "it drains", list => Service.StateOf(list, near) == "draining");
        await ExpectAllFromAsync(gateway.Api, service, far);
    }

    [Fact]
    public async Task A_worker_that_fails_its_active_check_is_degraded_until_it_passes_again()
    {
        await using var service = mesh.NewService("checked");
        await using var worker = await WorkerProcess.StartAsync("checked");
        var id = service.IdOf(worker);
        var check = new { path = "/health", interval_seconds = 1, timeout_seconds = 0.5 };
        await service.RegisterAsync(worker, ("health", check));
        (await worker.Direct.PostAsync("/health/bad")).Expect(204);
        await service.EverywhereAsync("it is degraded", list => Service.StateOf(list, id) == "degraded");
        var said = (await mesh.Api.GetAsync($"/api/workers/{id}")).Expect(200).Json;
        Assert.Equal("failing", said.GetProperty("health_check").GetString());
        Assert.True(said.GetProperty("counters").GetProperty("health_check_failures").GetInt32() >= 2);
        Assert.Equal("healthy", said.GetProperty("reported_status").GetString());
        (await worker.Direct.PostAsync("/health/good")).Expect(204);
        await service.EverywhereAsync("it is online", list => Service.StateOf(list, id) == "online");
    }

    private async Task ExpectAllFromAsync(Service service, string id)
    {
        foreach (var gateway in mesh.Gateways)
        {
            await ExpectAllFromAsync(gateway.Api, service, id);
        }
    }

    private static async Task ExpectAllFromAsync(Api gateway, Service service, string id)
    {
        for (var i = 0; i < Requests; i++)
        {
            Assert.Equal(id, (await gateway.GetAsync($"{service.Path}/{i}")).Expect(200).MeshWorker);
        }
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class ChoiceEmbeddedTests(EmbeddedMesh mesh) : ChoiceTests(mesh);

[Collection<OnCluster>]
public sealed class ChoiceClusterTests(ClusterMesh mesh) : ChoiceTests(mesh);
