using System.Diagnostics;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Dialects;

/// <summary>One job for every capable worker.</summary>
public abstract class BroadcastTests(Mesh mesh)
{
    private const string Path = "/api/coordinator/broadcast-job";
    private const string Capability = "has_scanner";

    [Fact]
    public async Task Every_capable_worker_gets_the_job_and_bad_ones_hold_up_nobody()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__JobTimeout", "00:00:02"));
        await using var service = new GatewayService(gateway.Api, mesh.NewService("job").Name);
        using var good = ScriptedWorker.Answering(200, """{"pages": 3}""");
        using var other = ScriptedWorker.Answering(202, "\"taken\"");
        using var failing = ScriptedWorker.Answering(500, """{"detail": "out of paper"}""");
        using var hanging = ScriptedWorker.Hanging();
        using var incapable = ScriptedWorker.Answering(200, "{}");
        await service.RegisterAsync("good", good.Url, """{"has_scanner": true}""");
        await service.RegisterAsync("other", other.Url, """{"has_scanner": true}""");
        await service.RegisterAsync("failing", failing.Url, """{"has_scanner": true}""");
        await service.RegisterAsync("hanging", hanging.Url, """{"has_scanner": true}""");
        await service.RegisterAsync("dead", $"http://127.0.0.1:{FreePort.Take()}", """{"has_scanner": true}""");
        await service.RegisterAsync("incapable", incapable.Url, """{"has_scanner": false}""");

        var clock = Stopwatch.StartNew();
        var answer = (await gateway.Api.PostAsync(
            Path,
            new { job_type = service.Name, job_data = new { page = 7 }, required_capability = Capability, more = 1 })).Expect(200).Json;

        Shape.Check(
            """
            {"job_type": "string", "broadcasted_to": "number", "successful": "number",
             "workers": [{"worker_id": "string", "status": "string", "message": "string"}]}
            """,
            answer);
        Assert.Equal(service.Name, answer.GetProperty("job_type").GetString());
        Assert.Equal((5, 2), (answer.GetProperty("broadcasted_to").GetInt32(), answer.GetProperty("successful").GetInt32()));
        var of = answer.GetProperty("workers").EnumerateArray()
            .ToDictionary(w => w.GetProperty("worker_id").GetString()!.Split('.')[^1], w => w);
        Assert.Equal(["dead", "failing", "good", "hanging", "other"], of.Keys.Order());
        Assert.All(of, w => Assert.Equal(w.Key is "good" or "other" ? "success" : "error", StatusOf(w.Value)));
        Assert.Equal(3, of["good"].GetProperty("result").GetProperty("pages").GetInt32());
        Assert.Equal("out of paper", of["failing"].GetProperty("result").GetProperty("detail").GetString());
        Assert.Contains("500", of["failing"].GetProperty("message").GetString()!, StringComparison.Ordinal);
        Assert.Contains("2 s", of["hanging"].GetProperty("message").GetString()!, StringComparison.Ordinal);
        Assert.All(
            (ScriptedWorker[])[good, other, failing, hanging],
            w => Assert.Equal([($"POST /service/{service.Name}", """{"page":7}""")], w.Asked));
        Assert.Empty(incapable.Asked);
        // The one time-out, and nowhere near one for each.
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Without_a_required_capability_all_who_offer_the_type_are_asked()
    {
        await using var service = new GatewayService(mesh.Api, mesh.NewService("job").Name);
        await using var another = new GatewayService(mesh.Api, mesh.NewService("job").Name);
        using var offers = ScriptedWorker.Answering(200, "{}");
        using var offersNot = ScriptedWorker.Answering(200, "{}");
        await service.RegisterAsync("a", offers.Url, "{}");
        await another.RegisterAsync("b", offersNot.Url, "{}");

        var answer = (await mesh.Api.PostAsync(
            Path, new { job_type = service.Name, job_data = new { } })).Expect(200).Json;

        Assert.Equal(1, answer.GetProperty("broadcasted_to").GetInt32());
        Assert.Single(offers.Asked);
        Assert.Empty(offersNot.Asked);
    }

    [Fact]
    public async Task Where_nobody_is_capable_it_is_503_with_the_reason()
    {
        await using var service = new GatewayService(mesh.Api, mesh.NewService("job").Name);
        using var worker = ScriptedWorker.Answering(200, "{}");
        await service.RegisterAsync("a", worker.Url, """{"has_scanner": false}""");

        var problem = (await mesh.Api.PostAsync(
            Path, new { job_type = service.Name, job_data = new { }, required_capability = Capability })).ExpectProblem(503);

        Assert.Contains(Capability, problem.GetProperty("detail").GetString()!, StringComparison.Ordinal);
        Assert.Empty(worker.Asked);
    }

    [Theory]
    [InlineData("""{"job_data": {}}""", "job_type")]
    [InlineData("""{"job_type": "x"}""", "job_data")]
    [InlineData("""{"job_type": "x", "job_data": []}""", "job_data")]
    public async Task A_job_without_its_members_is_refused(string body, string field)
    {
        var answer = await mesh.Api.PostAsync(Path, body);
        answer.ExpectError(400, field);
        Assert.NotEmpty(answer.Json.GetProperty("detail").GetString()!);
    }

    private static string StatusOf(JsonElement worker) => worker.GetProperty("status").GetString()!;
}

[Collection<OnEmbeddedMesh>]
public sealed class BroadcastEmbeddedTests(EmbeddedMesh mesh) : BroadcastTests(mesh);

[Collection<OnCluster>]
public sealed class BroadcastClusterTests(ClusterMesh mesh) : BroadcastTests(mesh);
