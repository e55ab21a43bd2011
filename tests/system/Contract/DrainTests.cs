namespace WorkerMesh.Tests.System.Contract;

/// <summary>POST and DELETE on /api/workers/{worker_id}/drain.</summary>
public abstract class DrainTests(Mesh mesh)
{
    [Fact]
    public async Task A_drained_worker_finishes_what_it_has_gets_nothing_new_and_can_be_taken_back()
    {
        await using var service = mesh.NewService("drain");
        var workers = await mesh.WorkersAsync(2);
        await service.RegisterAsync(workers[0]);
        var drained = service.IdOf(workers[0]);
        var inFlight = mesh.Api.GetAsync($"{service.Path}/slow?ms=1500&tag={service.Name}");
        await workers[0].Process.LineAsync($"slow began {service.Name}");
        await service.RegisterAsync(workers[1]);

        var answer = (await mesh.Api.PostAsync($"/api/workers/{drained}/drain")).Expect(200).Json;
        Shape.Check("""{ "worker_id": "string", "incarnation": "number", "draining": "boolean" }""", answer);
        Assert.True(answer.GetProperty("draining").GetBoolean());
        await service.EverywhereAsync("it drains", list => Service.StateOf(list, drained) == "draining");
        Assert.Equal([service.IdOf(workers[1])], await AnsweringAsync(service));
        Assert.Equal(drained, (await inFlight).Expect(200).MeshWorker);
        var said = (await mesh.Api.GetAsync($"/api/workers/{drained}")).Expect(200).Json;
        Assert.Equal("draining", said.GetProperty("state").GetString());
        // Its heartbeats are answered as ever, and do not take it back.
        (await mesh.Api.PostAsync($"/api/workers/{drained}/heartbeat")).Expect(200);
        Assert.Equal([service.IdOf(workers[1])], await AnsweringAsync(service));

        // A drained worker is not better than none.
        (await mesh.Api.PostAsync($"/api/workers/{service.IdOf(workers[1])}/drain")).Expect(200);
        (await mesh.Api.GetAsync(service.Path)).ExpectProblem(503);
        (await mesh.Api.DeleteAsync($"/api/workers/{service.IdOf(workers[1])}/drain")).Expect(200);

        answer = (await mesh.OtherApi.DeleteAsync($"/api/workers/{drained}/drain")).Expect(200).Json;
        Assert.False(answer.GetProperty("draining").GetBoolean());
        await service.EverywhereAsync("it is back", list => Service.StateOf(list, drained) == "online");
        // Its last answer was slow, and that is held against it for some seconds.
        await Eventually.Holds(
            "both answer", () => AnsweringAsync(service), answering => answering.SequenceEqual(workers.Select(service.IdOf).Order()));
    }

    /// <summary>Who answers, of enough requests at each gateway that none is left out by chance.</summary>
    private async Task<IEnumerable<string>> AnsweringAsync(Service service)
    {
        var answering = new HashSet<string>();
        foreach (var gateway in mesh.Gateways)
        {
            for (var i = 0; i < 50; i++)
            {
                answering.Add((await gateway.Api.GetAsync($"{service.Path}/who")).Expect(200).MeshWorker!);
            }
        }

        return answering.Order();
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class DrainEmbeddedTests(EmbeddedMesh mesh) : DrainTests(mesh);

[Collection<OnCluster>]
public sealed class DrainClusterTests(ClusterMesh mesh) : DrainTests(mesh);
