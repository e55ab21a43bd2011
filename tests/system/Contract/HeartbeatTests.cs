using System.Text.Json;

namespace WorkerMesh.Tests.System.Contract;

/// <summary>Heartbeats, one by one and in batches.</summary>
public abstract class HeartbeatTests(Mesh mesh)
{
    private const string Renewed =
        """
        {
            "worker_id": "string", "status": "string", "incarnation": "number", "state": "string",
            "lease_seconds": "number", "heartbeat_seconds": "number"
        }
        """;

    [Fact]
    public async Task A_heartbeat_renews_the_lease_and_reports_load_and_status()
    {
        await using var service = mesh.NewService("beat");
        var worker = (await mesh.WorkersAsync(1))[0];
        var path = $"/api/workers/{service.IdOf(worker)}";
        var incarnation = await service.RegisterAsync(worker);
        Shape.Check(Renewed, (await mesh.Api.PostAsync($"{path}/heartbeat")).Expect(200).Json);
        Shape.Check(Renewed, (await mesh.Api.PostAsync($"{path}/heartbeat", "{}")).Expect(200).Json);
        var full = new { incarnation, status = "degraded", current_load = 0.42, active_requests = 3, mood = "fine" };
        var answer = (await mesh.OtherApi.PostAsync($"{path}/heartbeat", full)).Expect(200).Json;
        Assert.Equal("renewed", answer.GetProperty("status").GetString());
        Assert.Equal("degraded", answer.GetProperty("state").GetString());

        var said = (await mesh.Api.GetAsync(path)).Expect(200).Json;
        Assert.Equal("degraded", said.GetProperty("state").GetString());
        Assert.Equal(0.42, said.GetProperty("load").GetDouble());
        Assert.Equal(3, said.GetProperty("active_requests").GetInt32());
        Assert.Equal(3, said.GetProperty("counters").GetProperty("heartbeats").GetInt32());
        await service.EverywhereAsync(
            "load and state arrive",
            list => Service.Find(list, service.IdOf(worker)) is { } w
                && w.GetProperty("load").GetDouble() == 0.42
                && w.GetProperty("active_requests").GetInt32() == 3
                && w.GetProperty("state").GetString() == "degraded");
        answer = (await mesh.Api.PostAsync($"{path}/heartbeat", new { status = "healthy" })).Expect(200).Json;
        Assert.Equal("online", answer.GetProperty("state").GetString());
    }

    [Fact]
    public async Task Silence_takes_a_worker_offline_and_a_heartbeat_brings_it_back()
    {
        await using var service = mesh.NewService("silence");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker, ("lease_seconds", 2));
        await service.EverywhereAsync(
            "it is offline", list => Service.StateOf(list, service.IdOf(worker)) == "offline", TimeSpan.FromSeconds(5));
        (await mesh.Api.GetAsync(service.Path)).ExpectProblem(503);
        (await mesh.Api.PostAsync($"/api/workers/{service.IdOf(worker)}/heartbeat")).Expect(200);
        (await mesh.Api.GetAsync(service.Path + "/again")).Expect(200);
        var said = (await mesh.Api.GetAsync($"/api/workers/{service.IdOf(worker)}")).Expect(200).Json;
        Assert.Equal(1, said.GetProperty("counters").GetProperty("revivals").GetInt32());
    }

    [Fact]
    public async Task A_batch_tells_each_worker_its_own_outcome()
    {
        await using var service = mesh.NewService("batch");
        var workers = await mesh.WorkersAsync(3);
        var incarnations = new List<long>();
        foreach (var worker in workers)
        {
            incarnations.Add(await service.RegisterAsync(worker));
        }

        // Registered again: the first incarnation is stale.
        var stale = incarnations[2];
        incarnations[2] = await service.RegisterAsync(workers[2]);
        var answer = await mesh.OtherApi.PostAsync("/api/workers/heartbeats", new
        {
            workers = (object[])
            [
                new { worker_id = service.IdOf(workers[0]) },
                new { worker_id = service.IdOf("nobody"), current_load = 1 },
                new { worker_id = service.IdOf(workers[2]), incarnation = stale },
                new { worker_id = service.IdOf(workers[1]), incarnation = incarnations[1], status = "degraded" },
            ],
        });

        var body = answer.Expect(200).Json;
        Shape.Check(
            """
            {
                "renewed": "number",
                "results": [{
                    "worker_id": "string", "status": "string", "incarnation": "number?", "state": "string?"
                }]
            }
            """,
            body);
        Assert.Equal(2, body.GetProperty("renewed").GetInt32());
        Assert.Equal(
            [
                (service.IdOf(workers[0]), "renewed", (long?)incarnations[0], "online"),
                (service.IdOf("nobody"), "unknown", null, null),
                (service.IdOf(workers[2]), "superseded", incarnations[2], null),
                (service.IdOf(workers[1]), "renewed", incarnations[1], "degraded"),
            ],
            body.GetProperty("results").EnumerateArray().Select(r => (
                r.GetProperty("worker_id").GetString(),
                r.GetProperty("status").GetString(),
                r.GetProperty("incarnation").Deserialize<long?>(),
                r.GetProperty("state").GetString())));
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class HeartbeatEmbeddedTests(EmbeddedMesh mesh) : HeartbeatTests(mesh);

[Collection<OnCluster>]
public sealed class HeartbeatClusterTests(ClusterMesh mesh) : HeartbeatTests(mesh);
