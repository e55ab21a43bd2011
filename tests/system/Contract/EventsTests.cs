namespace WorkerMesh.Tests.System.Contract;

/// <summary>GET /api/services/{type}/events.</summary>
public abstract class EventsTests(Mesh mesh)
{
    [Fact]
    public async Task A_stream_begins_with_a_snapshot_and_follows_what_happens()
    {
        await using var service = mesh.NewService("follow");
        var workers = await mesh.WorkersAsync(2);
        var (first, second) = (service.IdOf(workers[0]), service.IdOf(workers[1]));
        await service.RegisterAsync(workers[0]);
        await using var events = await EventStream.OpenAsync(mesh.OtherApi, service);
        var snapshot = await events.NextAsync();
        Assert.Equal("snapshot", snapshot.Kind);
        Assert.NotEmpty(snapshot.Id!);
        Shape.Check(
            """
            { "service": "string", "index": "number", "workers": [{ "worker_id": "string" }], "count": "number" }
            """,
            snapshot.Data);
        Assert.NotNull(Service.Find(snapshot.Data, first));

        await service.RegisterAsync(workers[1]);
        var added = await events.NextAsync();
        Assert.Equal(("added", second, "online"), (added.Kind, added.Worker, added.State));
        (await mesh.Api.PostAsync($"/api/workers/{first}/drain")).Expect(200);
        var changed = await events.NextAsync();
        Assert.Equal(("changed", first, "draining"), (changed.Kind, changed.Worker, changed.State));
        (await mesh.Api.DeleteAsync($"/api/workers/{second}")).Expect(204);
        var removed = await events.NextAsync();
        Assert.Equal(("removed", second), (removed.Kind, removed.Worker));
        Assert.Equal(4, ((string?[])[snapshot.Id, added.Id, changed.Id, removed.Id]).Distinct().Count());
    }

    [Fact]
    public async Task Last_event_id_resumes_without_a_snapshot_and_without_losing_an_event()
    {
        await using var service = mesh.NewService("resume");
        var workers = await mesh.WorkersAsync(3);
        var ids = workers.Select(service.IdOf).ToArray();
        await using var whole = await EventStream.OpenAsync(mesh.OtherApi, service);
        Assert.Equal("snapshot", (await whole.NextAsync()).Kind);
        await service.RegisterAsync(workers[0]);
        var seen = await whole.NextAsync("added", ids[0]);

        // While nobody with that id is connected.
        var missed = new List<Event>();
        await service.RegisterAsync(workers[1]);
        missed.Add(await whole.NextAsync("added", ids[1]));
        (await mesh.Api.PostAsync($"/api/workers/{ids[0]}/drain")).Expect(200);
        missed.Add(await whole.NextAsync("changed", ids[0]));
        (await mesh.Api.DeleteAsync($"/api/workers/{ids[1]}")).Expect(204);
        missed.Add(await whole.NextAsync("removed", ids[1]));

        await using var resumed = await EventStream.OpenAsync(mesh.OtherApi, service, seen.Id);
        foreach (var expected in missed)
        {
            var actual = await resumed.NextAsync();
            Assert.Equal((expected.Kind, expected.Worker, expected.Id), (actual.Kind, actual.Worker, actual.Id));
        }

        await service.RegisterAsync(workers[2]);
        Assert.Equal(ids[2], (await resumed.NextAsync()).Worker);
        // An id that says nothing to this gateway: from the start.
        await using var strange = await EventStream.OpenAsync(mesh.OtherApi, service, "no-such-id");
        var restart = await strange.NextAsync();
        Assert.Equal(("snapshot", 2), (restart.Kind, restart.Data.GetProperty("count").GetInt32()));
    }
}

[Collection<OnEmbeddedMesh>]
public sealed class EventsEmbeddedTests(EmbeddedMesh mesh) : EventsTests(mesh);

[Collection<OnCluster>]
public sealed class EventsClusterTests(ClusterMesh mesh) : EventsTests(mesh);
