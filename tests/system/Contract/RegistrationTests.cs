namespace WorkerMesh.Tests.System.Contract;

/// <summary>PUT, GET and DELETE on /api/workers/{worker_id}.</summary>
public abstract class RegistrationTests(Mesh mesh)
{
    private const string Registered =
        """
        {
            "worker_id": "string", "incarnation": "number", "services": ["string"], "lease_seconds": "number",
            "heartbeat_seconds": "number", "reachability": { "status": "string", "url": "string?", "detail": "string?" }
        }
        """;

    private const string Worker =
        """
        {
            "worker_id": "string", "url": "string", "urls": ["string"], "services": ["string"], "capabilities": {},
            "zone": "string?", "weight": "number", "max_concurrency": "number?",
            "health": { "path": "string", "interval_seconds": "number", "timeout_seconds": "number" },
            "incarnation": "number", "registered_at": "time", "state": "string", "reported_status": "string",
            "load": "number", "active_requests": "number", "lease_seconds": "number",
            "lease": { "seconds": "number", "remaining_seconds": "number", "last_heartbeat": "time" },
            "counters": { "heartbeats": "number" }
        }
        """;

    [Fact]
    public async Task A_new_worker_gets_201_a_replaced_one_200_and_the_next_incarnation()
    {
        await using var service = mesh.NewService("register");
        var worker = (await mesh.WorkersAsync(1))[0];
        var id = service.IdOf(worker);
        var body = service.Registration(worker.Url, ("lease_seconds", 30));
        var first = (await service.PutAsync(mesh.Api, id, body)).Expect(201);
        Assert.Equal($"/api/workers/{id}", first.Header("Location"));
        Shape.Check(Registered, first.Json);
        Assert.Equal(id, first.Json.GetProperty("worker_id").GetString());
        var incarnation = first.Json.GetProperty("incarnation").GetInt64();
        Assert.True(incarnation >= 1);
        Assert.Equal([service.Name], first.Json.GetProperty("services").EnumerateArray().Select(s => s.GetString()));
        Assert.Equal(30, first.Json.GetProperty("lease_seconds").GetDouble());
        Assert.Equal(10, first.Json.GetProperty("heartbeat_seconds").GetDouble());
        Assert.Equal("reachable", first.Json.GetProperty("reachability").GetProperty("status").GetString());
        Assert.Equal(worker.Url, first.Json.GetProperty("reachability").GetProperty("url").GetString());

        var second = (await service.PutAsync(mesh.OtherApi, id, service.Registration(worker.Url))).Expect(200);
        Shape.Check(Registered, second.Json);
        Assert.Equal(incarnation + 1, second.Json.GetProperty("incarnation").GetInt64());
        var stale = service.Registration(worker.Url, ("incarnation", incarnation));
        (await service.PutAsync(mesh.Api, id, stale)).ExpectError(409, "incarnation");
        var said = (await mesh.Api.GetAsync($"/api/workers/{id}")).Json;
        Assert.Equal(incarnation + 1, said.GetProperty("incarnation").GetInt64());
    }

    [Fact]
    public async Task What_was_registered_is_described_at_every_gateway()
    {
        await using var service = mesh.NewService("describe");
        var worker = (await mesh.WorkersAsync(1))[0];
        var id = service.IdOf(worker);
        var capabilities = new
        {
            has_gpu = true,
            gpu_memory = "24GB",
            lang = (string[])["en", "fr"],
            nested = new { a = 1.5 },
        };
        var body = service.Registration(
            worker.Url,
            ("capabilities", capabilities),
            ("zone", "rack-a"),
            ("weight", 7),
            ("max_concurrency", 4),
            ("health", new { path = "/health", interval_seconds = 5, timeout_seconds = 2 }));
        (await service.PutAsync(mesh.Api, id, body)).Expect(201);
        foreach (var gateway in mesh.Gateways)
        {
            var said = (await gateway.Api.GetAsync($"/api/workers/{id}")).Expect(200).Json;
            Shape.Check(Worker, said);
            Assert.Equal(worker.Url, said.GetProperty("url").GetString());
            Assert.Equal(
                """{"has_gpu":true,"gpu_memory":"24GB","lang":["en","fr"],"nested":{"a":1.5}}""",
                said.GetProperty("capabilities").GetRawText());
            Assert.Equal("rack-a", said.GetProperty("zone").GetString());
            Assert.Equal(7, said.GetProperty("weight").GetInt32());
            Assert.Equal(4, said.GetProperty("max_concurrency").GetInt32());
            Assert.Equal("online", said.GetProperty("state").GetString());
            Assert.Equal(600, said.GetProperty("lease_seconds").GetDouble());
            Assert.InRange(said.GetProperty("lease").GetProperty("remaining_seconds").GetDouble(), 500, 600);
        }
    }

    [Fact]
    public async Task Members_that_are_left_out_have_their_defaults_and_unknown_ones_do_not_matter()
    {
        await using var service = mesh.NewService("defaults");
        var id = service.IdOf("plain");
        var body = new { url = "http://127.0.0.1:9/base/", services = (string[])[service.Name], color = "green" };
        (await service.PutAsync(mesh.Api, id, body)).Expect(201);
        var said = (await mesh.Api.GetAsync($"/api/workers/{id}")).Expect(200).Json;
        Assert.Equal(15, said.GetProperty("lease_seconds").GetDouble());
        Assert.Equal(1, said.GetProperty("weight").GetInt32());
        Assert.Equal("{}", said.GetProperty("capabilities").GetRawText());
        Assert.All(
            (string[])["zone", "max_concurrency", "health"],
            member => Assert.Equal("null", said.GetProperty(member).GetRawText()));
    }

    [Fact]
    public async Task A_worker_that_cannot_be_reached_is_registered_all_the_same_and_told_why()
    {
        await using var service = mesh.NewService("unreachable");
        var body = service.Registration(
            "", ("url", null), ("urls", (string[])["http://127.0.0.1:1", "http://no-such-host.invalid:80"]));
        var answer = await service.PutAsync(mesh.Api, service.IdOf("dead"), body);
        var found = answer.Expect(201).Json.GetProperty("reachability");
        Assert.Equal("unreachable", found.GetProperty("status").GetString());
        var detail = found.GetProperty("detail").GetString()!;
        Assert.Contains("TCP connect", detail, StringComparison.Ordinal);
        Assert.Contains("name resolution", detail, StringComparison.Ordinal);

        answer = await mesh.Api.PutAsync($"/api/workers/{service.IdOf("dead")}?check=false", body);
        found = answer.Expect(200).Json.GetProperty("reachability");
        Assert.Equal("unchecked", found.GetProperty("status").GetString());
    }

    [Fact]
    public async Task An_unregistered_worker_is_gone_and_a_second_time_unknown()
    {
        await using var service = mesh.NewService("leave");
        var worker = (await mesh.WorkersAsync(1))[0];
        var id = service.IdOf(worker);
        var incarnation = await service.RegisterAsync(worker);
        (await mesh.OtherApi.DeleteAsync($"/api/workers/{id}")).Expect(204);
        (await mesh.Api.DeleteAsync($"/api/workers/{id}")).ExpectError(404, "worker_id");
        (await mesh.Api.GetAsync($"/api/workers/{id}")).ExpectError(404, "worker_id");
        (await mesh.Api.PostAsync($"/api/workers/{id}/drain")).ExpectError(404, "worker_id");
        (await mesh.Api.DeleteAsync($"/api/workers/{id}/drain")).ExpectError(404, "worker_id");
        (await mesh.Api.PostAsync($"/api/workers/{id}/heartbeat")).ExpectError(404, "worker_id");
        await service.EverywhereAsync("it is not listed", list => Service.Find(list, id) is null);
        // Whoever was that worker must not be taken for the next one.
        Assert.True(await service.RegisterAsync(worker) > incarnation);
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class RegistrationEmbeddedTests(EmbeddedMesh mesh) : RegistrationTests(mesh);

[Collection<OnCluster>]
public sealed class RegistrationClusterTests(ClusterMesh mesh) : RegistrationTests(mesh);
