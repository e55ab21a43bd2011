using System.Diagnostics;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>What one gateway finds out, at the others.</summary>
[Collection<OnCluster>]
public sealed class VerdictTests(ClusterMesh mesh)
{
    [Fact]
    public async Task A_worker_that_one_gateway_cannot_connect_to_is_avoided_by_the_others_until_one_reaches_it()
    {
        await using var service = mesh.NewService("verdict");
        await using var workers = new WorkerSet(await WorkerSet.StartAsync("verdict", 2));
        var (dies, lives) = (workers.All[0], workers.All[1]);
        await service.RegisterAsync(dies);
        await service.RegisterAsync(lives);
        var id = service.IdOf(dies);
        // Both have it on their routes.
        await ExpectAnswersAsync(mesh.Api, service, 10);
        await ExpectAnswersAsync(mesh.OtherApi, service, 10);
        await dies.Process.KillAsync();

        while (await FailuresAsync(mesh.Api, service, id) == 0)
        {
            await ExpectAnswersAsync(mesh.Api, service, 1);
        }

        var clock = Stopwatch.StartNew();
        await service.ListsAsync(mesh.OtherApi, "it is unreachable", list => IsUnreachable(list, id), TimeSpan.FromSeconds(1));
        TestContext.Current.TestOutputHelper?.WriteLine($"At the other gateway after {clock.Elapsed.TotalMilliseconds:0} ms.");
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(service.IdOf(lives), (await mesh.OtherApi.GetAsync($"{service.Path}/{i}")).Expect(200).MeshWorker);
        }

        // Avoided, not tried by each request: at most one found out that its time aside is over.
        Assert.InRange(await FailuresAsync(mesh.OtherApi, service, id), 0, 1);
        Assert.True((await mesh.OtherApi.GetAsync($"/api/workers/{id}")).Expect(200).Json.GetProperty("unreachable").GetBoolean());
        Assert.Equal("online", Service.StateOf(await service.ListAsync(mesh.OtherApi), id));

        await dies.RestartAsync(samePort: true);
        await Eventually.Holds(
            "an answer from it through the other gateway",
            async () => (await mesh.OtherApi.GetAsync($"{service.Path}/back")).Expect(200).MeshWorker,
            worker => worker == id,
            TimeSpan.FromSeconds(35));
        await service.EverywhereAsync("it is reachable", list => !IsUnreachable(list, id), TimeSpan.FromSeconds(1));
        Assert.False((await mesh.Api.GetAsync($"/api/workers/{id}")).Expect(200).Json.GetProperty("unreachable").GetBoolean());
    }

    [Fact]
    public async Task Where_no_other_worker_is_left_an_unreachable_one_is_still_tried()
    {
        await using var service = mesh.NewService("alone");
        await using var worker = await WorkerProcess.StartAsync("alone");
        await service.RegisterAsync(worker);
        var id = service.IdOf(worker);
        await ExpectAnswersAsync(mesh.OtherApi, service, 1);
        await worker.Process.KillAsync();
        (await mesh.Api.GetAsync($"{service.Path}/gone")).ExpectProblem(502);
        await service.ListsAsync(mesh.OtherApi, "it is unreachable", list => IsUnreachable(list, id), TimeSpan.FromSeconds(2));
        await worker.RestartAsync(samePort: true);
        await ExpectAnswersAsync(mesh.OtherApi, service, 5);
        await service.EverywhereAsync("it is reachable", list => !IsUnreachable(list, id), TimeSpan.FromSeconds(2));
        await ExpectAnswersAsync(mesh.Api, service, 1);
    }

    private static bool IsUnreachable(global::System.Text.Json.JsonElement list, string id) =>
        Service.Find(list, id)!.Value.GetProperty("unreachable").GetBoolean();

    private static async Task ExpectAnswersAsync(Api gateway, Service service, int count)
    {
        for (var i = 0; i < count; i++)
        {
            (await gateway.GetAsync($"{service.Path}/{i}")).Expect(200);
        }
    }

    private static async Task<int> FailuresAsync(Api gateway, Service service, string id)
    {
        var stats = (await gateway.GetAsync($"/api/stats?service={service.Name}")).Expect(200).Json;
        return stats.GetProperty("workers").EnumerateArray()
            .Single(w => w.GetProperty("worker_id").GetString() == id).GetProperty("failures").GetInt32();
    }
}
