using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class LeaseTests : IAsyncLifetime
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Retention = TimeSpan.FromSeconds(30);

    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() =>
        mesh = await MeshFixture.Start(configure: o => o.RecordRetention = Retention);

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task Heartbeats_keep_a_worker_online_beyond_its_lease_and_silence_does_not()
    {
        await mesh.Register("beats", Sample.Ocr);
        await mesh.Register("silent", Sample.Ocr);
        var watcher = await mesh.Watch(Sample.Ocr);

        for (var i = 1; i <= 4; i++)
        {
            await mesh.Advance(TimeSpan.FromSeconds(5), Step);
            var load = i / 10.0;
            var answer = await mesh.Worker("beats").Heartbeat(new() { Incarnation = 1, CurrentLoad = load });
            Assert.Equal(
                (HeartbeatOutcome.Renewed, WorkerState.Online, Sample.Lease),
                (answer.Outcome, answer.State, answer.Lease));
            // The renewal itself shows nowhere; that its load does says that it arrived.
            await mesh.Soon(watcher, $"load {load}", w => w["beats"]!.Load.Equals(load));
            Assert.Equal(WorkerState.Online, watcher["beats"]!.State);
        }

        Assert.Equal(WorkerState.Offline, watcher["silent"]!.State);
        Assert.Equal(WorkerState.Offline, (await mesh.Worker("silent").Describe())!.State);
        Assert.Equal(WorkerState.Online, (await mesh.Worker("beats").Describe())!.State);
    }

    [Fact]
    public async Task Watchers_hear_that_a_worker_is_offline_at_the_end_of_its_lease()
    {
        var registered = mesh.Clock.GetUtcNow();
        await mesh.Register("a", Sample.Ocr);
        var watcher = await mesh.Watch(Sample.Ocr);

        await mesh.Advance(Sample.Lease - TimeSpan.FromMilliseconds(100), Step);
        Assert.Equal(WorkerState.Online, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);
        await mesh.Soon(watcher, "a offline", w => w["a"]!.State == WorkerState.Offline);

        var late = mesh.Clock.GetUtcNow() - registered - Sample.Lease;
        Assert.InRange(late, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_heartbeat_after_the_lease_revives_the_worker_before_it_is_answered()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Advance(Sample.Lease, Step);
        await mesh.Soon(watcher, "a offline", w => w["a"]!.State == WorkerState.Offline);

        var answer = await mesh.Worker("a").Heartbeat(new());

        Assert.Equal((HeartbeatOutcome.Renewed, WorkerState.Online), (answer.Outcome, answer.State));
        Assert.Equal(2, answer.Versions.Length);
        Assert.Equal(WorkerState.Online, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);
        Assert.Equal(WorkerState.Online, Assert.Single((await mesh.List(Sample.Echo)).Changes).State);
        Assert.Equal(1, (await mesh.Worker("a").Describe())!.Counters.Revivals);
    }

    [Fact]
    public async Task A_worker_that_says_it_is_degraded_is_so_before_it_is_answered()
    {
        await mesh.Register("a", Sample.Ocr);

        var worse = await mesh.Worker("a").Heartbeat(new() { Degraded = true });
        Assert.Equal(WorkerState.Degraded, worse.State);
        Assert.Equal(WorkerState.Degraded, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);
        Assert.Equal((await mesh.List(Sample.Ocr)).To, Assert.Single(worse.Versions).Version);

        var same = await mesh.Worker("a").Heartbeat(new());
        Assert.Equal(WorkerState.Degraded, same.State);
        Assert.Empty(same.Versions);

        Assert.Equal(WorkerState.Online, (await mesh.Worker("a").Heartbeat(new() { Degraded = false })).State);
        Assert.Equal(WorkerState.Online, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);
    }

    [Fact]
    public async Task Heartbeats_of_another_incarnation_or_of_nobody_are_refused()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("a", Sample.Ocr);

        var stale = await mesh.Worker("a").Heartbeat(new() { Incarnation = 1, Degraded = true });
        var future = await mesh.Worker("a").Heartbeat(new() { Incarnation = 3, Degraded = true });
        var nobody = await mesh.Worker("b").Heartbeat(new());

        Assert.Equal((HeartbeatOutcome.Superseded, 2L), (stale.Outcome, stale.Incarnation));
        Assert.Equal((HeartbeatOutcome.Superseded, 2L), (future.Outcome, future.Incarnation));
        Assert.Equal((HeartbeatOutcome.Unknown, 0L), (nobody.Outcome, nobody.Incarnation));
        Assert.Equal(WorkerState.Online, Assert.Single((await mesh.List(Sample.Ocr)).Changes).State);
    }

    [Fact]
    public async Task A_heartbeat_of_an_incarnation_that_another_activation_gave_out_is_accepted()
    {
        await mesh.Register("a", Sample.Ocr);
        mesh.Store.Poke(WorkerId.Parse("a"), Sample.Record("a", 4, Sample.Ocr));

        var answer = await mesh.Worker("a").Heartbeat(new() { Incarnation = 4 });

        Assert.Equal((HeartbeatOutcome.Renewed, 4L), (answer.Outcome, answer.Incarnation));
    }

    [Fact]
    public async Task A_worker_is_forgotten_after_the_retention_with_its_record()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        var watcher = await mesh.Watch(Sample.Ocr);

        await mesh.Advance(Sample.Lease + Retention - TimeSpan.FromMilliseconds(500), Step);
        Assert.Equal(WorkerState.Offline, Assert.Single((await mesh.List(Sample.Echo)).Changes).State);
        Assert.NotNull(mesh.Store.Peek(WorkerId.Parse("a")));
        // Its subscription has ended meanwhile.
        watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Soon(watcher, "a forgotten", w => w.Count == 0);

        Assert.Null(mesh.Store.Peek(WorkerId.Parse("a")));
        await mesh.Eventually(() => mesh.List(Sample.Echo), l => l.Changes.IsEmpty, "no worker in the other registry");
        await mesh.Eventually(mesh.CountWorkerGrains, c => c == 0, "no grain in memory");
        Assert.Null(await mesh.Worker("a").Describe());
        Assert.Equal(HeartbeatOutcome.Unknown, (await mesh.Worker("a").Heartbeat(new())).Outcome);
        Assert.Equal(2, (await mesh.Register("a", Sample.Ocr)).Record.Incarnation);
    }

    [Fact]
    public async Task A_worker_without_services_expires_and_is_forgotten_too()
    {
        await mesh.Register("a");

        await mesh.Advance(Sample.Lease, Step);
        await mesh.Eventually(
            () => mesh.Registry(ServiceType.None).Count(), c => c.Workers.Offline == 1, "one offline worker");
        Assert.Equal(WorkerState.Offline, (await mesh.Worker("a").Describe())!.State);
        await mesh.Advance(Retention, Step);
        await mesh.Eventually(() => mesh.Worker("a").Describe(), d => d is null, "no worker");
        Assert.Null(mesh.Store.Peek(WorkerId.Parse("a")));
        await mesh.Eventually(
            () => mesh.Registry(ServiceType.None).Count(), c => c.Workers.Total == 0, "no worker in the registry");
    }

    [Fact]
    public async Task Workers_whose_leases_run_out_together_are_degraded_until_heard_from()
    {
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => mesh.Register($"w{i}", Sample.Ocr)));
        var watcher = await mesh.Watch(Sample.Ocr);

        await mesh.Advance(Sample.Lease, Step);
        await mesh.Soon(watcher, "12 degraded", w => w.CountIn(WorkerState.Degraded) == 12);

        var described = await mesh.Worker("w3").Describe();
        Assert.Equal((WorkerState.Degraded, false), (described!.State, described.ReportsDegraded));
        Assert.Equal(12, (await mesh.Registry(Sample.Ocr).Count()).Workers.Degraded);
        await mesh.Worker("w3").Heartbeat(new());
        Assert.Equal(WorkerState.Online, (await mesh.Worker("w3").Describe())!.State);
        await mesh.Soon(watcher, "w3 online", w => w["w3"]!.State == WorkerState.Online);
        Assert.Equal(11, watcher.CountIn(WorkerState.Degraded));
    }

    [Fact]
    public async Task A_new_registration_with_a_shorter_lease_expires_at_the_shorter()
    {
        await mesh.Worker("a").Register(
            Sample.Registration("a", Sample.Ocr) with { Lease = TimeSpan.FromMinutes(10) }, Guid.NewGuid(), null);
        await mesh.Worker("a").Register(
            Sample.Registration("a", Sample.Ocr) with { Lease = TimeSpan.FromSeconds(2) }, Guid.NewGuid(), null);
        var watcher = await mesh.Watch(Sample.Ocr);

        await mesh.Advance(TimeSpan.FromSeconds(2), Step);

        await mesh.Soon(watcher, "a offline", w => w["a"]!.State == WorkerState.Offline);
    }
}
