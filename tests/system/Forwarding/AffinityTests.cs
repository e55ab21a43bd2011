namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>Requests that name a key, and requests that ask why.</summary>
public abstract class AffinityTests(Mesh mesh)
{
    private const int Keys = 40;

    [Fact]
    public async Task Equal_keys_meet_the_same_worker_at_every_gateway_and_only_those_of_one_that_goes_move()
    {
        await using var service = mesh.NewService("keys");
        var workers = await mesh.WorkersAsync(4);
        await Task.WhenAll(workers.Select(w => service.RegisterAsync(w)));
        var before = await MeetAsync(service);
        Assert.Equal(4, before.Values.Distinct().Count());
        var gone = service.IdOf(workers[1]);
        (await mesh.Api.DeleteAsync($"/api/workers/{gone}")).Expect(204);
        await service.EverywhereAsync("it is gone", list => Service.Find(list, gone) is null);
        var after = await MeetAsync(service);
        Assert.DoesNotContain(gone, after.Values);
        Assert.All(before.Where(met => met.Value != gone), met => Assert.Equal(met.Value, after[met.Key]));
        await service.RegisterAsync(workers[1]);
        Assert.Equal(before, await MeetAsync(service));
    }

    [Fact]
    public async Task An_answer_says_on_request_why_it_came_from_this_worker()
    {
        await using var service = mesh.NewService("why");
        var workers = await mesh.WorkersAsync(2);
        await Task.WhenAll(workers.Select(w => service.RegisterAsync(w)));
        (await mesh.Api.PostAsync($"/api/workers/{service.IdOf(workers[1])}/drain")).Expect(200);
        await service.EverywhereAsync("it drains", list => Service.StateOf(list, service.IdOf(workers[1])) == "draining");
        var asked = await mesh.Api.SendAsync(HttpMethod.Get, $"{service.Path}/a", null, ("X-Mesh-Explain", "1"));
        Assert.Matches(
            $"^\"{service.IdOf(workers[0])}\";chosen;score=[0-9.]+, \"{service.IdOf(workers[1])}\";passed=draining;score=[0-9.]+$",
            asked.Expect(200).Header("X-Mesh-Explain"));
        Assert.Null((await mesh.Api.GetAsync($"{service.Path}/a")).Expect(200).Header("X-Mesh-Explain"));

        (await mesh.Api.PostAsync($"/api/workers/{service.IdOf(workers[0])}/drain")).Expect(200);
        await service.EverywhereAsync("it drains", list => Service.StateOf(list, service.IdOf(workers[0])) == "draining");
        var none = await mesh.Api.SendAsync(HttpMethod.Get, $"{service.Path}/a", null, ("X-Mesh-Explain", "1"));
        none.ExpectProblem(503);
        Assert.Equal(2, none.Header("X-Mesh-Explain")!.Split("passed=draining").Length - 1);
    }

    private async Task<Dictionary<string, string?>> MeetAsync(Service service)
    {
        var met = new Dictionary<string, string?>();
        foreach (var key in Enumerable.Range(0, Keys).Select(i => $"user-{i}"))
        {
            foreach (var gateway in mesh.Gateways)
            {
                var answer = await gateway.Api.SendAsync(
                    HttpMethod.Get, $"{service.Path}/{key}", null, ("X-Mesh-Affinity", key));
                Assert.Equal(met.TryGetValue(key, out var there) ? there : answer.MeshWorker, answer.Expect(200).MeshWorker);
                met[key] = answer.MeshWorker;
            }
        }

        return met;
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class AffinityEmbeddedTests(EmbeddedMesh mesh) : AffinityTests(mesh);

[Collection<OnCluster>]
public sealed class AffinityClusterTests(ClusterMesh mesh) : AffinityTests(mesh);
