using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>What gateways say of reaching a worker, on its way to all of them.</summary>
public sealed class SuspicionTests : IAsyncLifetime
{
    private MeshFixture mesh = null!;
    private WatcherProbe ocr = null!;
    private WatcherProbe echo = null!;

    public async ValueTask InitializeAsync()
    {
        mesh = await MeshFixture.Start();
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        (ocr, echo) = (await mesh.Watch(Sample.Ocr), await mesh.Watch(Sample.Echo));
    }

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task It_reaches_every_service_of_the_worker_and_is_taken_back_by_any_gateway()
    {
        await Judge("g1", reached: false);
        await mesh.Soon(ocr, "a unreachable", w => w["a"]!.Unreachable);
        await mesh.Soon(echo, "a unreachable", w => w["a"]!.Unreachable);
        Assert.Equal(WorkerState.Online, ocr["a"]!.State);
        Assert.True((await mesh.Worker("a").Describe())!.UnreachableFor > TimeSpan.Zero);
        await Judge("g2", reached: true);
        await mesh.Soon(ocr, "a reachable", w => !w["a"]!.Unreachable);
        await mesh.Soon(echo, "a reachable", w => !w["a"]!.Unreachable);
        Assert.Equal(TimeSpan.Zero, (await mesh.Worker("a").Describe())!.UnreachableFor);
    }

    [Fact]
    public async Task A_gateway_that_cannot_reach_what_another_can_is_not_believed_again()
    {
        await Judge("g1", reached: false);
        Assert.True((await mesh.Worker("a").Describe())!.UnreachableFor > TimeSpan.Zero);
        await Judge("g2", reached: true);
        await Judge("g1", reached: false);
        Assert.Equal(TimeSpan.Zero, (await mesh.Worker("a").Describe())!.UnreachableFor);
        await Judge("g3", reached: false);
        await mesh.Soon(ocr, "a unreachable", w => w["a"]!.Unreachable);
    }

    [Fact]
    public async Task It_outlives_heartbeats_and_expires_by_itself()
    {
        await Judge("g1", reached: false);
        await mesh.Soon(ocr, "a unreachable", w => w["a"]!.Unreachable);
        await mesh.Advance(TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(1));
        await mesh.Worker("a").Heartbeat(new());
        await mesh.Advance(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(0.1));
        Assert.True(ocr["a"]!.Unreachable);
        await mesh.Advance(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(0.1));
        await mesh.Soon(ocr, "a reachable", w => !w["a"]!.Unreachable);
    }

    [Fact]
    public async Task It_expires_though_the_grain_that_holds_it_is_lost()
    {
        await Judge("g1", reached: false);
        await mesh.Soon(ocr, "a unreachable", w => w["a"]!.Unreachable);
        await mesh.Deactivate(mesh.Worker("a"));
        await mesh.Advance(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1));
        await mesh.Soon(ocr, "a reachable", w => !w["a"]!.Unreachable);
    }

    [Fact]
    public async Task Being_reached_counts_though_the_grain_does_not_know_why_it_is_told()
    {
        await Judge("g1", reached: false);
        await mesh.Soon(ocr, "a unreachable", w => w["a"]!.Unreachable);
        await mesh.Deactivate(mesh.Worker("a"));
        await Judge("g2", reached: true);
        await mesh.Soon(ocr, "a reachable", w => !w["a"]!.Unreachable);
    }

    [Fact]
    public async Task It_ends_with_the_incarnation_and_another_ones_does_not_count()
    {
        await Judge("g1", reached: false, incarnation: 2);
        await Judge("g1", reached: false);
        await mesh.Soon(ocr, "a unreachable", w => w["a"]!.Unreachable);
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        await mesh.Soon(ocr, "a reachable", w => w["a"] is { Incarnation: 2, Unreachable: false });
        await Judge("g1", reached: false);
        Assert.Equal(TimeSpan.Zero, (await mesh.Worker("a").Describe())!.UnreachableFor);
        await mesh.Worker("unknown").Judge(new("g1", 1, Reached: false));
    }

    private Task Judge(string gateway, bool reached, long incarnation = 1) =>
        mesh.Worker("a").Judge(new(gateway, incarnation, reached));
}
