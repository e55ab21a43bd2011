using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class DrainTests : IAsyncLifetime
{
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_worker_is_drained_and_taken_back()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);

        var drained = await mesh.Worker("a").SetDraining(true);
        Assert.Equal((1L, true, 2), (drained!.Record.Incarnation, drained.Record.Draining, drained.Versions.Length));
        await AssertState(WorkerState.Draining);
        Assert.Equal(WorkerState.Draining, (await mesh.Worker("a").Heartbeat(new() { Degraded = true })).State);

        await mesh.Worker("a").Heartbeat(new() { Degraded = false });
        Assert.False((await mesh.Worker("a").SetDraining(false))!.Record.Draining);
        await AssertState(WorkerState.Online);
    }

    [Fact]
    public async Task A_worker_stays_drained_when_its_grains_come_back()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        await mesh.Worker("a").SetDraining(true);

        await mesh.Deactivate(mesh.Worker("a"));
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));

        await AssertState(WorkerState.Draining);
    }

    [Fact]
    public async Task A_worker_stays_drained_when_the_whole_cluster_comes_back()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        await mesh.Worker("a").SetDraining(true);

        var before = mesh;
        await before.DisposeAsync();
        mesh = await MeshFixture.Start(silos: 3, after: before);

        await AssertState(WorkerState.Draining);
        await mesh.Worker("a").SetDraining(false);
        await AssertState(WorkerState.Online);
    }

    private async Task AssertState(WorkerState expected)
    {
        Assert.Equal(expected, (await mesh.Worker("a").Describe())!.State);
        Assert.Equal(expected, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);
        Assert.Equal(expected, Assert.Single((await mesh.List(Sample.Echo)).Changes).State);
    }
}
