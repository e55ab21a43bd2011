namespace WorkerMesh.Tests.System.Dialects;

/// <summary>What browsers on pages of other sites may do.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class BrowserTests(EmbeddedMesh mesh)
{
    private const string Console = "https://console.example";
    private const string Evil = "https://evil.example";
    private const string AllowOrigin = "Access-Control-Allow-Origin";

    private static readonly (string, string)[] Preflight =
    [
        ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "content-type"),
    ];

    [Fact]
    public async Task A_preflight_is_answered_by_the_gateway_for_configured_origins_only()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__CorsOrigins__0", Console));
        await using var service = new GatewayService(gateway.Api, "browsers");
        using var worker = ScriptedWorker.Answering(200, "{}");
        await service.RegisterAsync("a", worker.Url, "{}");
        foreach (var path in (string[])["/api/workers/x", "/service/browsers/x"])
        {
            var allowed = await gateway.Api.SendAsync(HttpMethod.Options, path, null, [("Origin", Console), .. Preflight]);
            Assert.Equal(204, allowed.Status);
            Assert.Equal(Console, allowed.Header(AllowOrigin));
            Assert.Contains("PUT", allowed.Header("Access-Control-Allow-Methods")!, StringComparison.Ordinal);
            Assert.Contains("content-type", allowed.Header("Access-Control-Allow-Headers")!, StringComparison.OrdinalIgnoreCase);
            Assert.Equal("3600", allowed.Header("Access-Control-Max-Age"));

            var refused = await gateway.Api.SendAsync(HttpMethod.Options, path, null, [("Origin", Evil), .. Preflight]);
            Assert.Null(refused.Header(AllowOrigin));
        }

        Assert.Empty(worker.Asked);
    }

    [Fact]
    public async Task Without_configured_origins_nothing_is_allowed_by_the_gateway()
    {
        var answer = await mesh.Api.SendAsync(HttpMethod.Options, "/api/workers/x", null, [("Origin", Console), .. Preflight]);
        Assert.Null(answer.Header(AllowOrigin));
        Assert.Null((await mesh.Api.SendAsync(HttpMethod.Get, "/api/services", null, ("Origin", Console))).Header(AllowOrigin));
    }

    [Theory]
    [InlineData("*")]
    [InlineData(Console)]
    public async Task What_a_worker_allows_itself_is_not_doubled(string workersOwn)
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__CorsOrigins__0", Console));
        await using var service = new GatewayService(gateway.Api, "doubled");
        using var worker = ScriptedWorker.Answering(
            200, "{}", (AllowOrigin, workersOwn), ("Access-Control-Expose-Headers", "X-Own"));
        await service.RegisterAsync("a", worker.Url, "{}");

        var answer = (await gateway.Api.SendAsync(
            HttpMethod.Get, "/service/doubled/x", null, ("Origin", Console))).Expect(200);

        Assert.Equal(Console, answer.Header(AllowOrigin));
    }

    [Fact]
    public async Task Pages_of_other_sites_change_nothing()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__CorsOrigins__0", Console));
        (string, string)[] evil = [("Origin", Evil), ("Sec-Fetch-Site", "cross-site")];
        (string, string)[] console = [("Origin", Console), ("Sec-Fetch-Site", "cross-site")];
        await using var service = new GatewayService(gateway.Api, "pages");
        using var worker = ScriptedWorker.Answering(200, "{}");
        await service.RegisterAsync("a", worker.Url, "{}");
        var body = new { worker_id = "pages.b", tunnel_url = worker.Url, capabilities = new { } };

        (await gateway.Api.SendAsync(HttpMethod.Post, "/api/worker/register", body, evil)).ExpectProblem(403);
        (await gateway.Api.SendAsync(HttpMethod.Post, "/service/pages/x", "{}", evil)).ExpectProblem(403);
        (await gateway.Api.SendAsync(HttpMethod.Delete, "/api/workers/pages.a", null, evil)).ExpectProblem(403);
        (await gateway.Api.SendAsync(HttpMethod.Post, "/api/workers/pages.a/heartbeat", "{}", evil)).ExpectProblem(403);
        (await gateway.Api.GetAsync("/api/workers/pages.b")).Expect(404);
        Assert.Empty(worker.Asked);

        var beat = (await gateway.Api.SendAsync(HttpMethod.Post, "/api/workers/pages.a/heartbeat", "{}", console)).Expect(200);
        Assert.Equal(Console, beat.Header(AllowOrigin));
        (await gateway.Api.SendAsync(HttpMethod.Get, "/service/pages/x", null, evil)).Expect(200);
        (await gateway.Api.SendAsync(HttpMethod.Post, "/service/pages/x", "{}", console)).Expect(200);
        // Also now that the gateway has the route.
        (await gateway.Api.SendAsync(HttpMethod.Post, "/service/pages/x", "{}", evil)).ExpectProblem(403);
        Assert.Equal(["GET /x", "POST /x"], worker.Asked.Select(a => a.Request));
    }
}
