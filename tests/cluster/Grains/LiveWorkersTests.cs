using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>Heartbeats that are applied without the worker's grain, and grains that leave memory.</summary>
public sealed class LiveWorkersTests
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Heartbeats_of_many_workers_in_one_message_keep_them_online()
    {
        await using var mesh = await MeshFixture.Start(silos: 1);
        await Task.WhenAll(Enumerable.Range(0, 9).Select(i => mesh.Register($"w{i}", Sample.Ocr)));
        var watcher = await mesh.Watch(Sample.Ocr);

        for (var i = 1; i <= 4; i++)
        {
            await mesh.Advance(TimeSpan.FromSeconds(5), Step);
            var answers = await mesh.Heartbeats.Renew(Beats(9, i / 10.0));
            Assert.All(answers, a => Assert.Equal(
                (HeartbeatOutcome.Renewed, 1L, WorkerState.Online), (a!.Outcome, a.Incarnation, a.State)));
            await mesh.Soon(watcher, "the load", w => w["w7"]!.Load.Equals(i / 10.0));
        }

        Assert.Equal(9, watcher.CountIn(WorkerState.Online));
        Assert.Equal(4, (await mesh.Worker("w7").Describe())!.Counters.Heartbeats);
    }

    [Fact]
    public async Task Those_that_their_grains_have_to_decide_about_are_not_answered()
    {
        await using var mesh = await MeshFixture.Start(silos: 1);
        await mesh.Register("w0", Sample.Ocr);
        await mesh.Register("w0", Sample.Ocr);
        await mesh.Register("w2", Sample.Ocr);
        await mesh.Worker("w2").Unregister();

        var answers = await mesh.Heartbeats.Renew(
        [
            new(WorkerId.Parse("w0"), new() { Incarnation = 1 }),
            new(WorkerId.Parse("w1"), new()),
            new(WorkerId.Parse("w2"), new()),
            new(WorkerId.Parse("w0"), new() { Incarnation = 2 }),
        ]);

        Assert.Equal([null, null, null, 2L], answers.Select(a => a?.Incarnation));
    }

    [Fact]
    public async Task Alone_a_worker_whose_grain_has_left_memory_keeps_all_that_is_known_of_it()
    {
        await using var mesh = await MeshFixture.Start(silos: 1, alone: true);
        var lease = TimeSpan.FromMinutes(50);
        await Task.WhenAll(Enumerable.Range(0, 9).Select(i => mesh.Worker($"w{i}").Register(
            Sample.Registration($"w{i}", Sample.Ocr) with { Lease = lease }, Guid.NewGuid(), null)));
        await mesh.Eventually(mesh.CountWorkerGrains, count => count == 0, "no worker grain in memory");
        var reads = mesh.Store.Calls(StoreOperation.Read);

        await mesh.Advance(TimeSpan.FromMinutes(40), TimeSpan.FromMinutes(1));
        Assert.All(Beats(9, 0.3), beat => Assert.NotNull(mesh.Live.TryRenew(beat.Id, beat.Beat)));
        await mesh.Advance(TimeSpan.FromMinutes(40), TimeSpan.FromMinutes(1));

        var described = (await mesh.Worker("w7").Describe())!;
        Assert.Equal(
            (WorkerState.Online, 0.3, 1L, 40.0),
            (described.State, described.Load, described.Counters.Heartbeats, Math.Round(described.HeardAgo.TotalMinutes)));
        Assert.Equal(HeartbeatOutcome.Superseded, (await mesh.Worker("w7").Heartbeat(new() { Incarnation = 2 })).Outcome);
        Assert.Equal(2, (await mesh.Register("w7", Sample.Ocr)).Record.Incarnation);
        Assert.NotNull(await mesh.Worker("w8").Unregister());
        Assert.Null(await mesh.Worker("w8").Describe());
        await mesh.Advance(TimeSpan.FromMinutes(11), TimeSpan.FromMinutes(1));
        Assert.Equal(WorkerState.Offline, (await mesh.Worker("w6").Describe())!.State);
        // Nothing of it was asked of the store but what a heartbeat of an unknown incarnation asks.
        Assert.InRange(mesh.Store.Calls(StoreOperation.Read), reads, reads + 2);
    }

    [Fact]
    public async Task Alone_a_worker_that_asks_for_checks_keeps_its_grain()
    {
        await using var mesh = await MeshFixture.Start(silos: 1, alone: true);
        await mesh.Register("a", Sample.Ocr);
        await mesh.Worker("b").Register(
            Sample.Registration("b", Sample.Ocr) with { Health = new() { Path = "/health" } }, Guid.NewGuid(), null);

        await mesh.Eventually(mesh.CountWorkerGrains, count => count == 1, "the grain of b in memory");
    }

    private static ImmutableArray<WorkerHeartbeat> Beats(int workers, double load) =>
        [.. Enumerable.Range(0, workers).Select(i => new WorkerHeartbeat(WorkerId.Parse($"w{i}"), new() { CurrentLoad = load }))];
}
