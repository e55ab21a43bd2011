using System.Text.Json;
using System.Text.RegularExpressions;

namespace WorkerMesh.Tests.System.Contract;

/// <summary>What the mesh says of itself: peers, topology, stats, health, metrics, its own description.</summary>
public abstract partial class ReportsTests(Mesh mesh)
{
    /// <summary>One that another test killed stays listed for its lease of 15 s; time enough for that to end.</summary>
    private static readonly TimeSpan GatewayLease = TimeSpan.FromSeconds(40);

    [Fact]
    public async Task Peers_are_the_silos_and_the_gateways_at_each_gateway()
    {
        foreach (var gateway in mesh.Gateways)
        {
            var body = await Eventually.Holds(
                $"{mesh.Silos} active silos and {mesh.Gateways.Count} gateways",
                async () => (await gateway.Api.GetAsync("/api/peers")).Expect(200).Json,
                b => b.GetProperty("active_silos").GetInt32() == mesh.Silos
                    && b.GetProperty("gateways").GetArrayLength() == mesh.Gateways.Count,
                GatewayLease);
            Shape.Check(
                """
                {
                    "silos": [{ "address": "string", "name": "string", "status": "string" }], "active_silos": "number",
                    "gateways": [{
                        "id": "string", "host": "string", "addresses": ["string"], "zone": "string?",
                        "started_at": "time"
                    }]
                }
                """,
                body);
            var states = body.GetProperty("silos").EnumerateArray().Select(s => s.GetProperty("status").GetString());
            Assert.Equal(mesh.Silos, states.Count(s => s == "active"));
            Assert.Equal(
                mesh.Gateways.Select(g => g.Api.Address.GetLeftPart(UriPartial.Authority)).Order(),
                body.GetProperty("gateways").EnumerateArray()
                    .Select(g => g.GetProperty("addresses")[0].GetString()).Order());
        }
    }

    [Fact]
    public async Task The_topology_has_a_node_for_each_process_and_its_edges_lead_to_nodes()
    {
        await using var service = mesh.NewService("drawn");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker, ("zone", "rack-a"));
        var body = await Eventually.Holds(
            "every gateway is a node",
            async () => (await mesh.Api.GetAsync("/api/topology?limit=1000")).Expect(200).Json,
            b => OfKind(b, "gateway").Count() == mesh.Gateways.Count,
            GatewayLease);
        Shape.Check(
            """
            {
                "nodes": [{ "id": "string", "kind": "string", "name": "string", "state": "string", "zone": "string?" }],
                "edges": [{ "from": "string", "to": "string", "kind": "string" }]
            }
            """,
            body);
        Assert.Equal(mesh.Silos, OfKind(body, "silo").Count(n => n.GetProperty("state").GetString() == "active"));
        var node = Assert.Single(
            OfKind(body, "worker"), n => n.GetProperty("name").GetString() == service.IdOf(worker));
        Assert.Equal("rack-a", node.GetProperty("zone").GetString());
        var ids = body.GetProperty("nodes").EnumerateArray().Select(n => n.GetProperty("id").GetString()!).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        var ends = body.GetProperty("edges").EnumerateArray()
            .Select(e => (From: e.GetProperty("from").GetString()!, To: e.GetProperty("to").GetString()!)).ToList();
        Assert.Empty(ends.SelectMany(e => (string[])[e.From, e.To]).Except(ids));
        Assert.Equal(mesh.Gateways.Count, ends.Count(e => e.To == node.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task Stats_and_metrics_count_what_was_forwarded()
    {
        await using var service = mesh.NewService("measured");
        var worker = (await mesh.WorkersAsync(1))[0];
        await service.RegisterAsync(worker);
        for (var i = 0; i < 7; i++)
        {
            (await mesh.Api.GetAsync(service.Path + "/counted")).Expect(200);
        }

        var body = (await mesh.Api.GetAsync($"/api/stats?service={service.Name}")).Expect(200).Json;
        Shape.Check(
            """
            {
                "gateway_id": "string", "since": "time",
                "services": [{
                    "service": "string", "requests": "number", "in_flight": "number", "outcomes": {},
                    "retries": "number",
                    "first_byte_seconds": { "p50": "number", "p90": "number", "p99": "number" }
                }],
                "workers": [{
                    "worker_id": "string", "requests": "number", "failures": "number", "in_flight": "number",
                    "latency_seconds": "number"
                }]
            }
            """,
            body);
        var counted = Assert.Single(body.GetProperty("services").EnumerateArray());
        Assert.Equal(service.Name, counted.GetProperty("service").GetString());
        Assert.Equal(7, counted.GetProperty("requests").GetInt32());
        Assert.Equal(7, counted.GetProperty("outcomes").GetProperty("answered").GetInt32());
        Assert.Equal(0, counted.GetProperty("in_flight").GetInt32());
        Assert.Equal(7, Assert.Single(body.GetProperty("workers").EnumerateArray()).GetProperty("requests").GetInt32());

        var metrics = (await mesh.Api.GetAsync("/metrics")).Expect(200);
        Assert.Equal("text/plain", metrics.ContentType);
        var samples = metrics.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith('#')).ToList();
        Assert.All(samples, line => Assert.Matches(Sample(), line));
        Assert.Contains(samples, line => line.StartsWith("target_info{", StringComparison.Ordinal)
            && line.Contains("service_name=\"workermesh-gateway\",service_version=\"", StringComparison.Ordinal));
        var sample = Assert.Single(samples, line =>
            line.StartsWith("mesh_forward_requests_total{", StringComparison.Ordinal)
            && line.Contains($"service=\"{service.Name}\"", StringComparison.Ordinal));
        Assert.Contains("outcome=\"answered\"", sample, StringComparison.Ordinal);
        Assert.Equal("7", sample[(sample.LastIndexOf('}') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]);
    }

    [Fact]
    public async Task Health_says_that_all_is_well_and_how_many_workers_there_are()
    {
        await using var service = mesh.NewService("healthy");
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        foreach (var gateway in mesh.Gateways)
        {
            Shape.Check("""{ "status": "string" }""", (await gateway.Api.GetAsync("/health/live")).Expect(200).Json);
            Shape.Check("""{ "status": "string" }""", (await gateway.Api.GetAsync("/health/ready")).Expect(200).Json);
            var body = await Eventually.Holds(
                "the worker is counted",
                async () => (await gateway.Api.GetAsync("/health")).Expect(200).Json,
                b => b.GetProperty("workers").GetProperty("total").GetInt32() >= 1);
            Shape.Check(
                """
                {
                    "status": "string", "timestamp": "time",
                    "workers": { "total": "number", "active": "number", "stale": "number" },
                    "gateway": { "id": "string", "zone": "string?", "uptime_seconds": "number" },
                    "cluster": { "connected": "boolean" }
                }
                """,
                body);
            Assert.Equal("healthy", body.GetProperty("status").GetString());
            var ready = (await gateway.Api.GetAsync("/health/ready")).Json;
            Assert.Equal("ready", ready.GetProperty("status").GetString());
        }
    }

    [Fact]
    public async Task The_dashboard_is_served_on_loopback_and_names_every_silo()
    {
        foreach (var gateway in mesh.Gateways)
        {
            Assert.Equal("text/html", (await gateway.Api.GetAsync("/dashboard/")).Expect(200).ContentType);
            var silos = (await gateway.Api.GetAsync("/api/peers")).Expect(200).Json.GetProperty("silos").EnumerateArray()
                .Where(s => s.GetProperty("status").GetString() == "active")
                .Select(s => s.GetProperty("address").GetString()!.Split('@')[0]).ToList();
            await Eventually.Holds(
                $"counters of {string.Join(", ", silos)}",
                () => gateway.Api.GetAsync("/dashboard/DashboardCounters"),
                a => a.Status == 200 && silos.All(silo => a.Text.Contains(silo, StringComparison.Ordinal)),
                TimeSpan.FromSeconds(30));
            // Logs name what workers said.
            Assert.NotEqual(200, (await gateway.Api.GetAsync("/dashboard/Trace")).Status);
        }
    }

    [Fact]
    public async Task A_gateway_beyond_loopback_serves_the_dashboard_only_to_who_has_the_password()
    {
        (string, string)[] addresses =
            [("Kestrel__Endpoints__a__Url", "http://127.0.0.1:0"), ("Kestrel__Endpoints__b__Url", "http://0.0.0.0:0")];
        await using var closed = await mesh.StartGatewayAsync(addresses);
        (await closed.Api.GetAsync("/dashboard/")).ExpectProblem(404);
        await closed.Process.LineAsync("The dashboard is off");
        await using var open = await mesh.StartGatewayAsync(
            [.. addresses, ("Dashboard__Username", "operator"), ("Dashboard__Password", "only-for-tests")]);
        var refused = await open.Api.GetAsync("/dashboard/");
        refused.ExpectProblem(401);
        Assert.StartsWith("Basic ", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
        var authorization = "Basic " + Convert.ToBase64String("operator:only-for-tests"u8);
        (await open.Api.SendAsync(HttpMethod.Get, "/dashboard/", null, ("Authorization", authorization))).Expect(200);
        Assert.DoesNotContain("only-for-tests", open.Process.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_openapi_document_describes_every_path()
    {
        string[] expected =
        [
            "get /api/workers", "put /api/workers/{worker_id}", "get /api/workers/{worker_id}",
            "delete /api/workers/{worker_id}", "post /api/workers/{worker_id}/heartbeat",
            "post /api/workers/heartbeats", "post /api/workers/{worker_id}/drain",
            "delete /api/workers/{worker_id}/drain", "get /api/services", "get /api/services/{type}",
            "get /api/services/{type}/events", "get /api/peers", "get /api/topology", "get /api/stats",
            "get /service/{type}", "post /service/{type}/{path}", "get /health", "get /health/live",
            "get /health/ready",
            "get /metrics", "get /openapi/v1.json",
        ];
        var body = (await mesh.Api.GetAsync("/openapi/v1.json")).Expect(200).Json;
        Assert.StartsWith("3.1", body.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var described = body.GetProperty("paths").EnumerateObject()
            .SelectMany(p => p.Value.EnumerateObject().Select(m => $"{m.Name} {p.Name}")).ToHashSet();
        Assert.Empty(expected.Except(described));
    }

    private static IEnumerable<JsonElement> OfKind(JsonElement topology, string kind) =>
        topology.GetProperty("nodes").EnumerateArray().Where(n => n.GetProperty("kind").GetString() == kind);

    // name{label="value",…} number [timestamp]
    [GeneratedRegex(
        """^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\n"])*",?)*\})? """
        + "([-+]?[0-9.]+([eE][-+]?[0-9]+)?|[-+]?Inf|NaN)( -?[0-9]+)?$")]
    private static partial Regex Sample();
}

[Collection<OnEmbeddedMesh>]
public sealed class ReportsEmbeddedTests(EmbeddedMesh mesh) : ReportsTests(mesh);

[Collection<OnCluster>]
public sealed class ReportsClusterTests(ClusterMesh mesh) : ReportsTests(mesh);
