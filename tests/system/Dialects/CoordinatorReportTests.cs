using System.Text.Json;

namespace WorkerMesh.Tests.System.Dialects;

/// <summary>Members and types of what the coordinator API tells people and front-ends.</summary>
public abstract class CoordinatorReportTests(Mesh mesh)
{
    private const string Worker = """{"worker_id": "string", "tunnel_url": "string", "age_seconds": "number", "is_healthy": "boolean"}""";

    public static TheoryData<string, string> Reports { get; } = new()
    {
        { "/api/coordinator/workers", $$"""{"workers": [{{Worker}}], "count": "number", "timestamp": "time"}""" },
        { "/api/admin/workers", $$"""{"workers": [{{Worker}}], "total": "number", "healthy": "number"}""" },
        {
            "/api/admin/services",
            """{"services": [{"name": "string", "workers": ["string"], "worker_count": "number"}], "total_services": "number"}"""
        },
        {
            "/api/services/list",
            """
            {"services": {"vision-ocr": {"name": "string", "healthy_workers": "number", "tier": "number", "requires": "string"}},
             "total_available": "number", "timestamp": "time"}
            """
        },
        {
            "/api/admin/gaps",
            """
            {"gaps": [{"service": "string", "required_type": "string", "priority": "number", "current_workers": "number",
                       "status": "string", "port": "number"}],
             "critical_gaps": "number", "warnings": "number",
             "summary": {"total_services": "number", "covered": "number", "needs_attention": "number"}}
            """
        },
        {
            "/api/dht/bootstrap",
            """{"seeds": [{"worker_id": "string", "tunnel_url": "string", "dht_port": "number"}], "seed_count": "number", "timestamp": "time"}"""
        },
        { "/api/dht/topology", """{"nodes": [{"id": "string"}], "edges": ["any"]}""" },
        {
            "/api/dht/stats",
            """
            {"dht_enabled": "boolean", "node_count": "number", "coordinator_count": "number", "coordinators": ["string"],
             "local_workers": "number", "healthy_workers": "number"}
            """
        },
        { "/health", """{"status": "string", "timestamp": "time", "workers": {"total": "number", "active": "number", "stale": "number"}}""" },
    };

    [Theory]
    [MemberData(nameof(Reports))]
    public async Task A_report_has_its_members(string path, string shape)
    {
        await using var service = new GatewayService(mesh.OtherApi, mesh.NewService("report").Name);
        await service.RegisterAsync("a", "http://127.0.0.1:1", "{}");
        Shape.Check(shape, (await mesh.OtherApi.GetAsync(path)).Expect(200).Json);
    }

    [Fact]
    public async Task Reports_tell_of_a_worker_and_its_service()
    {
        await using var service = new GatewayService(mesh.Api, mesh.NewService("report").Name);
        var id = service.IdOf("a");
        await service.RegisterAsync("a", "http://127.0.0.1:1", "{}");
        foreach (var path in (string[])["/api/coordinator/workers", "/api/admin/workers"])
        {
            var worker = Single(await ReadAsync(path), "workers", "worker_id", id);
            Assert.True(worker.GetProperty("is_healthy").GetBoolean());
            Assert.InRange(worker.GetProperty("age_seconds").GetDouble(), 0, 60);
        }

        var offered = Single(await ReadAsync("/api/admin/services"), "services", "name", service.Name);
        Assert.Equal([id], offered.GetProperty("workers").EnumerateArray().Select(w => w.GetString()));
        Assert.Equal(1, offered.GetProperty("worker_count").GetInt32());
        Assert.Equal(8468, Single(await ReadAsync("/api/dht/bootstrap"), "seeds", "worker_id", id).GetProperty("dht_port").GetInt32());
        await Eventually.Holds(
            $"{service.Name} is listed with a healthy worker",
            () => ReadAsync("/api/services/list"),
            list => list.GetProperty("services").TryGetProperty(service.Name, out var listed)
                && listed.GetProperty("healthy_workers").GetInt32() == 1);
        var stats = await ReadAsync("/api/dht/stats");
        Assert.True(stats.GetProperty("dht_enabled").GetBoolean());
        Assert.Equal(mesh.Silos, stats.GetProperty("node_count").GetInt32());
    }

    [Fact]
    public async Task Gaps_are_critical_without_a_worker_and_a_warning_with_one()
    {
        await using var service = new GatewayService(mesh.Api, "minio");
        await service.RegisterAsync("a", "http://127.0.0.1:1", "{}");
        await StatusAsync("warning", 1);
        await service.RegisterAsync("b", "http://127.0.0.1:1", "{}");
        await StatusAsync("ok", 2);
        var gaps = await ReadAsync("/api/admin/gaps");
        var statuses = gaps.GetProperty("gaps").EnumerateArray().CountBy(g => g.GetProperty("status").GetString()!).ToDictionary();
        Assert.Equal(14, gaps.GetProperty("summary").GetProperty("total_services").GetInt32());
        Assert.Equal(statuses.GetValueOrDefault("critical"), gaps.GetProperty("critical_gaps").GetInt32());
        Assert.Equal(statuses.GetValueOrDefault("warning"), gaps.GetProperty("warnings").GetInt32());
        await service.DisposeAsync();
        await StatusAsync("critical", 0);
    }

    private static JsonElement Single(JsonElement report, string list, string member, string value) => Assert.Single(
        report.GetProperty(list).EnumerateArray(), item => item.GetProperty(member).GetString() == value);

    private Task<JsonElement> StatusAsync(string status, int workers) => Eventually.Holds(
        $"minio is {status} with {workers} workers",
        async () => Single(await ReadAsync("/api/admin/gaps"), "gaps", "service", "minio"),
        gap => (gap.GetProperty("status").GetString(), gap.GetProperty("current_workers").GetInt32()) == (status, workers));

    private async Task<JsonElement> ReadAsync(string path) => (await mesh.OtherApi.GetAsync(path)).Expect(200).Json;
}

[Collection<OnEmbeddedMesh>]
public sealed class CoordinatorReportEmbeddedTests(EmbeddedMesh mesh) : CoordinatorReportTests(mesh);

[Collection<OnCluster>]
public sealed class CoordinatorReportClusterTests(ClusterMesh mesh) : CoordinatorReportTests(mesh);
