namespace WorkerMesh.Tests.System.Dialects;

/// <summary>Members and types of what the registry API answers.</summary>
public abstract class RegistryContractTests(Mesh mesh)
{
    private const string Register = "/api/services/register";

    [Fact]
    public async Task Registering_answers_as_the_native_API_does()
    {
        await using var service = mesh.NewService("reg");
        var id = service.IdOf("a");
        service.Remember(id);
        var body = new { worker_id = id, service_type = service.Name, url = "http://127.0.0.1:1", hostname = "ignored" };
        var answer = (await mesh.Api.PostAsync(Register, body)).Expect(201).Json;
        Shape.Check(
            """
            {"worker_id": "string", "incarnation": "number", "services": ["string"], "lease_seconds": "number",
             "heartbeat_seconds": "number", "reachability": {"status": "string"}}
            """,
            answer);
        Assert.Equal([service.Name], answer.GetProperty("services").EnumerateArray().Select(s => s.GetString()));
        var again = (await mesh.OtherApi.PostAsync(Register, body)).Expect(200).Json;
        Assert.True(again.GetProperty("incarnation").GetInt64() > answer.GetProperty("incarnation").GetInt64());
    }

    [Fact]
    public async Task Finding_lists_the_workers_and_the_one_to_use()
    {
        await using var service = mesh.NewService("reg");
        var none = (await mesh.OtherApi.GetAsync($"/api/services/find/{service.Name}")).ExpectProblem(503);
        Shape.Check("""{"service": "string", "available_services": ["string"], "detail": "string"}""", none);
        foreach (var id in (string[])[service.IdOf("a"), service.IdOf("b")])
        {
            service.Remember(id);
            (await mesh.Api.PostAsync(Register, new
            {
                worker_id = id,
                services = new[] { service.Name },
                url = "http://127.0.0.1:1",
                capabilities = new { lang = "en" },
                lease_seconds = 600,
            })).Expect(201);
        }

        (await mesh.Api.PostAsync($"/api/workers/{service.IdOf("a")}/heartbeat", new { current_load = 0.8 })).Expect(200);
        var found = (await Eventually.Holds(
            "the idle worker is recommended",
            () => mesh.OtherApi.GetAsync($"/api/services/find/{service.Name}"),
            a => a.Status == 200 && a.Json.GetProperty("count").GetInt32() == 2
                && a.Json.GetProperty("recommended").GetString() == service.IdOf("b"))).Json;

        Shape.Check(
            """
            {"service": "string", "count": "number", "recommended": "string",
             "workers": [{"worker_id": "string", "url": "string", "tunnel_url": "string", "capabilities": {"lang": "string"},
                          "load": "number", "last_heartbeat": "time"}]}
            """,
            found);
        Assert.Equal(
            [service.IdOf("b"), service.IdOf("a")],
            found.GetProperty("workers").EnumerateArray().Select(w => w.GetProperty("worker_id").GetString()));
    }

    [Theory]
    [InlineData("""{"service_type": "x", "url": "http://w"}""", "worker_id")]
    [InlineData("""{"worker_id": "reg-x", "service_type": "x"}""", "url")]
    [InlineData("""{"worker_id": "reg-x", "service_type": "a b", "url": "http://w"}""", "service_type")]
    [InlineData("""{"worker_id": "reg-x", "service_type": "x", "services": ["y"], "url": "http://w"}""", "services")]
    public async Task A_registration_without_its_members_is_refused(string body, string field)
    {
        var answer = await mesh.Api.PostAsync(Register, body);
        answer.ExpectError(400, field);
        Assert.NotEmpty(answer.Json.GetProperty("detail").GetString()!);
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class RegistryContractEmbeddedTests(EmbeddedMesh mesh) : RegistryContractTests(mesh);

[Collection<OnCluster>]
public sealed class RegistryContractClusterTests(ClusterMesh mesh) : RegistryContractTests(mesh);
