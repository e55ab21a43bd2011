namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>What requests for names that nobody serves cost others.</summary>
public abstract class RouteLimitTests(Mesh mesh)
{
    private const int MaxRoutes = 8;

    [Fact]
    public async Task Names_that_nobody_serves_keep_no_service_type_out()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__MaxRoutes", $"{MaxRoutes}"));
        await using var service = mesh.NewService("wanted");
        var unknown = Enumerable.Range(0, 2 * MaxRoutes).Select(i => $"{service.Name}-not-{i}").ToList();
        await AskAllAsync();

        var worker = (await mesh.WorkersAsync(1))[0];
        (await service.PutAsync(gateway.Api, service.IdOf(worker), service.Registration(worker.Url))).Expect(201);
        await Eventually.Equals(
            "the status of what is served", 200, async () => (await gateway.Api.GetAsync($"{service.Path}/x")).Status);
        await AskAllAsync();
        (await gateway.Api.GetAsync($"{service.Path}/y")).Expect(200);
        Assert.InRange(await RoutesAsync(gateway), 2, MaxRoutes);

        async Task AskAllAsync()
        {
            foreach (var name in unknown)
            {
                var refused = await gateway.Api.GetAsync($"/service/{name}/x");
                Assert.Equal(name, refused.ExpectProblem(503).GetProperty("service").GetString());
                Assert.Equal("1", refused.Header("Retry-After"));
            }
        }
    }

    [Fact]
    public async Task Nor_does_one_that_is_asked_for_by_its_short_name_stay_out()
    {
        await using var service = mesh.NewService("called");
        var name = $"{service.Name}-short";
        await using var gateway = await mesh.StartGatewayAsync(
            ("Gateway__MaxRoutes", $"{MaxRoutes}"),
            ("Gateway__UnservedRouteIdleTimeout", "00:00:01"),
            ($"Assignment__ShortNames__{name}", service.Name));
        var worker = (await mesh.WorkersAsync(1))[0];
        (await service.PutAsync(gateway.Api, service.IdOf(worker), service.Registration(worker.Url))).Expect(201);
        for (var i = 0; i < 2 * MaxRoutes; i++)
        {
            (await gateway.Api.GetAsync($"/service/{service.Name}-not-{i}/x")).ExpectProblem(503);
        }

        await Eventually.Equals(
            "the status by its short name", 200, async () => (await gateway.Api.GetAsync($"/service/{name}/x")).Status);
        // Both routes are kept though nobody serves the short name itself.
        await Eventually.Equals("the number of routes", 2, () => RoutesAsync(gateway), TimeSpan.FromSeconds(30));
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(2, await RoutesAsync(gateway));
    }

    [Fact]
    public async Task A_name_that_nobody_serves_is_forgotten_before_a_service_type_is()
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__UnservedRouteIdleTimeout", "00:00:01"));
        await using var service = mesh.NewService("kept");
        var worker = (await mesh.WorkersAsync(1))[0];
        (await service.PutAsync(gateway.Api, service.IdOf(worker), service.Registration(worker.Url))).Expect(201);
        await Eventually.Equals(
            "the status of what is served", 200, async () => (await gateway.Api.GetAsync($"{service.Path}/x")).Status);
        (await gateway.Api.GetAsync($"/service/{service.Name}-not/x")).ExpectProblem(503);
        Assert.Equal(2, await RoutesAsync(gateway));
        await Eventually.Equals("the number of routes", 1, () => RoutesAsync(gateway), TimeSpan.FromSeconds(30));
        (await gateway.Api.GetAsync($"{service.Path}/y")).Expect(200);
    }

    private static async Task<int> RoutesAsync(GatewayProcess gateway)
    {
        var line = (await gateway.Api.GetAsync("/metrics")).Expect(200).Text
            .Split('\n').Single(line => line.StartsWith("mesh_routes", StringComparison.Ordinal));
        return int.Parse(line.Split(' ')[1], null);
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class RouteLimitEmbeddedTests(EmbeddedMesh mesh) : RouteLimitTests(mesh);

[Collection<OnCluster>]
public sealed class RouteLimitClusterTests(ClusterMesh mesh) : RouteLimitTests(mesh);
