using System.Text.Json;

namespace WorkerMesh.Tests.System.Dialects;

/// <summary>Members and types of what the coordinator API answers workers.</summary>
public abstract class CoordinatorContractTests(Mesh mesh)
{
    [Fact]
    public async Task Registering_says_what_the_worker_is_and_serves()
    {
        await using var service = mesh.NewService("coord");
        var id = service.IdOf("a");
        service.Remember(id);
        var answer = (await mesh.Api.PostAsync("/api/worker/register", new
        {
            worker_id = id,
            tunnel_url = "http://127.0.0.1:1",
            capabilities = new { has_storage = true },
            services = new object[] { new { name = service.Name, port = 1 }, new { name = "redis", container = "r1" } },
            containers = new object[] { new { id = "c1", image = "redis:7" } },
            hostname = "ignored",
        })).Expect(200).Json;

        Shape.Check(
            """
            {"status": "string", "worker_id": "string", "worker_type": "string", "tier": "number", "assigned_services": ["string"],
             "service_configs": [{"name": "string", "port": "number", "priority": "number"}], "message": "string"}
            """,
            answer);
        Assert.Equal(("registered", id, "storage", 3), (Text(answer, "status"), Text(answer, "worker_id"),
            Text(answer, "worker_type"), answer.GetProperty("tier").GetInt32()));
        Assert.Equal([service.Name, "redis"], answer.GetProperty("assigned_services").EnumerateArray().Select(s => s.GetString()));
        var config = Assert.Single(answer.GetProperty("service_configs").EnumerateArray());
        Assert.Equal(("redis", 6379, 2),
            (Text(config, "name"), config.GetProperty("port").GetInt32(), config.GetProperty("priority").GetInt32()));
        // Known at the native API too, with the lease of workers that send a heartbeat every 30 s.
        Assert.Equal(90, (await mesh.OtherApi.GetAsync($"/api/workers/{id}")).Expect(200).Json.GetProperty("lease_seconds").GetDouble());
    }

    [Theory]
    [InlineData("""{"tunnel_url": "http://w", "capabilities": {}}""", "worker_id")]
    [InlineData("""{"worker_id": "coord-x", "capabilities": {}}""", "tunnel_url")]
    [InlineData("""{"worker_id": "coord-x", "tunnel_url": "http://w"}""", "capabilities")]
    [InlineData("""{"worker_id": "coord-x", "tunnel_url": "http://w", "capabilities": {}, "vpn_ip": "vpn"}""", "vpn_ip")]
    [InlineData("""{"worker_id": "coord-x", "tunnel_url": "http://w", "capabilities": {}, "services": [7]}""", "services[0]")]
    public async Task A_registration_without_its_members_is_refused(string body, string field)
    {
        Refused(await mesh.Api.PostAsync("/api/worker/register", body), field);
        (await mesh.Api.GetAsync("/api/workers/coord-x")).Expect(404);
    }

    [Fact]
    public async Task A_heartbeat_is_ok_whatever_else_it_says()
    {
        await using var service = mesh.NewService("coord");
        var id = await RegisterAsync(service, "a", null);
        var answer = (await mesh.OtherApi.PostAsync("/api/worker/heartbeat", new
        {
            worker_id = id,
            status = "healthy",
            current_load = 0.5,
            available_memory = 12.5,
            loaded_models = new[] { "llama" },
            active_requests = 2,
            gpu_utilization = 70,
            services_status = new Dictionary<string, string> { [service.Name] = "running" },
            specialization = "ocr",
            temperature = 60,
        })).Expect(200).Json;
        Assert.Equal("ok", Text(answer, "status"));
        (await mesh.Api.PostAsync("/api/worker/heartbeat", new { worker_id = id })).Expect(200);

        Detailed(await mesh.Api.PostAsync("/api/worker/heartbeat", new { worker_id = "coord-nobody" }), 404);
        Refused(await mesh.Api.PostAsync("/api/worker/heartbeat", """{"status": "healthy"}"""), "worker_id");
    }

    [Fact]
    public async Task Unregistering_is_ok_once()
    {
        await using var service = mesh.NewService("coord");
        var id = await RegisterAsync(service, "a", null);
        var answer = (await mesh.OtherApi.DeleteAsync($"/api/worker/unregister/{id}")).Expect(200).Json;
        Shape.Check("""{"status": "string", "message": "string"}""", answer);
        Assert.Equal("ok", Text(answer, "status"));
        Detailed(await mesh.Api.DeleteAsync($"/api/worker/unregister/{id}"), 404);
        Detailed(await mesh.Api.PostAsync("/api/worker/heartbeat", new { worker_id = id }), 404);
    }

    [Fact]
    public async Task Finding_names_one_worker_and_its_url()
    {
        await using var service = mesh.NewService("coord");
        Detailed(await mesh.Api.GetAsync($"/api/worker/find/{service.Name}"), 404);
        var id = await RegisterAsync(service, "a", null);
        var answer = (await FoundAsync($"/api/worker/find/{service.Name}")).Json;
        Assert.Equal((id, "http://127.0.0.1:1"), (Text(answer, "worker_id"), Text(answer, "worker_url")));
    }

    [Fact]
    public async Task Discovery_lists_the_healthy_workers_lowest_load_first()
    {
        await using var service = mesh.NewService("coord");
        var none = await mesh.OtherApi.GetAsync($"/api/services/discover/{service.Name}");
        Detailed(none, 503);
        Assert.Equal(service.Name, Text(none.Json, "service"));
        var busy = await RegisterAsync(service, "a", null);
        var idle = await RegisterAsync(service, "b", "10.255.0.7");
        await HeartbeatAsync(busy, 0.9);
        await HeartbeatAsync(idle, 0.1);

        var answer = (await Eventually.Holds(
            "the idle worker comes first",
            () => mesh.OtherApi.GetAsync($"/api/services/discover/{service.Name}"),
            a => a.Status == 200 && a.Json.GetProperty("count").GetInt32() == 2
                && Text(a.Json, "recommended") == idle
                && a.Json.GetProperty("workers")[0].GetProperty("load").GetDouble() > 0)).Json;

        Shape.Check(
            """
            {"service": "string", "count": "number", "recommended": "string",
             "workers": [{"worker_id": "string", "tunnel_url": "string", "vpn_ip": "string?", "capabilities": {"lang": "string"},
                          "load": "number", "last_heartbeat": "time"}]}
            """,
            answer);
        Assert.Equal(service.Name, Text(answer, "service"));
        var workers = answer.GetProperty("workers").EnumerateArray().ToList();
        Assert.Equal([idle, busy], workers.Select(w => Text(w, "worker_id")));
        Assert.Equal(["10.255.0.7", null], workers.Select(w => Text(w, "vpn_ip")));
        Assert.All(workers, w => Assert.Equal("http://127.0.0.1:1", Text(w, "tunnel_url")));
        Assert.Equal([0.1, 0.9], workers.Select(w => w.GetProperty("load").GetDouble()));
    }

    [Theory]
    [InlineData("/api/worker/find/a%20b")]
    [InlineData("/api/services/discover/a%20b")]
    [InlineData("/api/services/find/a%20b")]
    public async Task A_name_that_is_no_service_type_is_refused(string path) =>
        Detailed(await mesh.Api.GetAsync(path), 400);

    private static string? Text(JsonElement owner, string member) => owner.GetProperty(member).GetString();

    private static void Refused(Answer answer, string field)
    {
        answer.ExpectError(400, field);
        Detailed(answer, 400);
    }

    /// <summary>An error that workers of the first system understand.</summary>
    private static void Detailed(Answer answer, int status) =>
        Assert.NotEmpty(Text(answer.ExpectProblem(status), "detail")!);

    private Task<Answer> FoundAsync(string path) =>
        Eventually.Holds($"{path} is 200", () => mesh.OtherApi.GetAsync(path), a => a.Status == 200);

    private async Task<string> RegisterAsync(Service service, string worker, string? vpnIp)
    {
        var id = service.IdOf(worker);
        service.Remember(id);
        (await mesh.Api.PostAsync("/api/worker/register", new
        {
            worker_id = id,
            tunnel_url = "http://127.0.0.1:1",
            capabilities = new { lang = "en" },
            services = new[] { service.Name },
            vpn_ip = vpnIp,
        })).Expect(200);
        return id;
    }

    private async Task HeartbeatAsync(string id, double load) =>
        (await mesh.Api.PostAsync("/api/worker/heartbeat", new { worker_id = id, current_load = load })).Expect(200);
}

[Collection<OnEmbeddedMesh>]
public sealed class CoordinatorContractEmbeddedTests(EmbeddedMesh mesh) : CoordinatorContractTests(mesh);

[Collection<OnCluster>]
public sealed class CoordinatorContractClusterTests(ClusterMesh mesh) : CoordinatorContractTests(mesh);
