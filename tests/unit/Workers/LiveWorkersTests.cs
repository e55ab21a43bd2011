using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Workers;

/// <summary>Which heartbeats are applied without the worker's grain.</summary>
public sealed class LiveWorkersTests : IDisposable
{
    private static readonly WorkerId Id = WorkerId.Parse("a");
    private readonly FakeTimeProvider clock = new();
    private readonly RenewalBatcher batcher;

    public LiveWorkersTests()
    {
        // Before it, nothing that was heard of could be long ago.
        clock.Advance(TimeSpan.FromHours(1));
        var factory = FakeGrains.Create().Factory;
        batcher = new(
            new(), new(new(), factory, clock), new(() => [], factory, clock), factory, clock, Options.Create(new RegistryOptions()),
            NullLogger<RenewalBatcher>.Instance);
    }

    public void Dispose() => batcher.Dispose();

    [Fact]
    public void What_moves_to_another_silo_is_as_it_was_though_the_clocks_differ()
    {
        var (_, worker) = Online();
        clock.Advance(TimeSpan.FromSeconds(1));
        worker.Apply(new() { CurrentLoad = 0.5, ActiveRequests = 2, Degraded = true }, clock.Elapsed(), out _);
        worker.Supersede(worker.Record!, 4);
        worker.Hear(Suspicion.None.Hear(new("g1", 3, Reached: false), clock.Elapsed()));
        worker.Hear(worker.Suspicion.Hear(new("g2", 3, Reached: true), clock.Elapsed()));
        worker.Hear(worker.Suspicion.Hear(new("g3", 3, Reached: false), clock.Elapsed()));
        worker.Checked(healthy: false, failing: true, clock.Elapsed());
        clock.Advance(TimeSpan.FromSeconds(2));
        var ahead = TimeSpan.FromDays(3);
        var now = clock.Elapsed() + ahead;

        var moved = new LiveWorker(Id);
        moved.Settle(worker.Carry(clock.Elapsed())!, now);

        Assert.Equal(new(now - TimeSpan.FromSeconds(2), true, true, 0.5, 2, now + TimeSpan.FromSeconds(8)), moved.Liveness);
        Assert.Equal(
            (worker.Record, worker.IncarnationFloor, worker.Counters, true, true),
            (moved.Record, moved.IncarnationFloor, moved.Counters, moved.IsLoaded, moved.IsHeard));
        Assert.Equal(worker.EarlierOperations, moved.EarlierOperations);
        Assert.Equal(["g3"], moved.Suspicion.By);
        Assert.Equal(now + TimeSpan.FromSeconds(8), moved.Suspicion.Until);
        Assert.Equal(new Discredit("g1", TimeSpan.FromSeconds(10), now + TimeSpan.FromSeconds(8)), Assert.Single(moved.Suspicion.Discredited));
    }

    /// <summary>As on a machine that was started later.</summary>
    [Fact]
    public void What_was_unreachable_and_is_not_any_more_moves_to_a_clock_that_is_behind()
    {
        var (_, worker) = Online();
        worker.Hear(Suspicion.None.Hear(new("g1", 3, Reached: false), clock.Elapsed()));
        worker.Hear(worker.Suspicion.Hear(new("g2", 3, Reached: true), clock.Elapsed()));
        var now = clock.Elapsed() - TimeSpan.FromMinutes(30);

        var moved = new LiveWorker(Id);
        moved.Settle(worker.Carry(clock.Elapsed())!, now);

        Assert.False(moved.Suspicion.Holds(now));
        Assert.Equal(TimeSpan.Zero, moved.Liveness.UnreachableFor(now));
        Assert.Equal(now, moved.Liveness.HeardAt);
        Assert.Equal("g1", Assert.Single(moved.Suspicion.Discredited).GatewayId);
    }

    [Fact]
    public void What_is_not_known_is_not_carried_and_a_worker_in_order_stays_small()
    {
        Assert.Null(new LiveWorker(Id).Carry(clock.Elapsed()));
        var (_, worker) = Online();
        var moved = new LiveWorker(Id);

        moved.Settle(worker.Carry(clock.Elapsed())!, clock.Elapsed() + TimeSpan.FromDays(3));

        Assert.Same(Suspicion.None, moved.Suspicion);
        Assert.Equal(default, moved.Liveness.UnreachableUntil);
        Assert.Empty(moved.EarlierOperations);
    }

    [Fact]
    public void A_heartbeat_that_changes_only_lease_and_load_is_applied()
    {
        var (workers, worker) = Online();
        clock.Advance(TimeSpan.FromSeconds(10));

        var answer = workers.TryRenew(Id, new() { Incarnation = 3, CurrentLoad = 0.5, ActiveRequests = 2 });

        Assert.Equal(
            (HeartbeatOutcome.Renewed, 3L, WorkerState.Online),
            (answer!.Outcome, answer.Incarnation, answer.State));
        Assert.Empty(answer.Versions);
        Assert.Equal(new Liveness(clock.Elapsed(), Load: 0.5, ActiveRequests: 2), worker.Liveness);
        Assert.Equal(1, worker.Counters.Heartbeats);
    }

    [Theory]
    [InlineData("another incarnation")]
    [InlineData("degraded")]
    [InlineData("lease over")]
    [InlineData("unknown")]
    [InlineData("being removed")]
    [InlineData("removed")]
    [InlineData("not loaded")]
    [InlineData("grain left memory")]
    [InlineData("grain not called for long")]
    public void A_heartbeat_that_the_grain_has_to_decide_about_is_not(string why)
    {
        var (workers, worker) = Online(why == "grain not called for long" ? TimeSpan.FromHours(1) : null);
        var beat = new Heartbeat();
        var id = Id;
        switch (why)
        {
            case "another incarnation":
                beat = new() { Incarnation = 2 };
                break;
            case "degraded":
                beat = new() { Degraded = true };
                break;
            case "lease over":
                clock.Advance(Registration.DefaultLease);
                break;
            case "unknown":
                id = WorkerId.Parse("b");
                break;
            case "being removed":
                worker.Leave(begins: true);
                break;
            case "removed":
                worker.Forget(worker.Record!, clock.Elapsed());
                break;
            case "not loaded":
                worker = workers.Enter(Id);
                break;
            case "grain left memory":
                workers.Leave(worker);
                break;
            default:
                clock.Advance(LiveWorkers.LeftAlone + TimeSpan.FromSeconds(1));
                break;
        }

        var before = worker.Liveness;
        Assert.Null(workers.TryRenew(id, beat));
        Assert.Equal((before, 0L), (worker.Liveness, worker.Counters.Heartbeats));
    }

    [Fact]
    public void Where_there_is_no_other_silo_what_is_known_outlives_the_grain()
    {
        var (workers, worker) = Online(alone: true);
        workers.Leave(worker);
        clock.Advance(TimeSpan.FromSeconds(10));

        Assert.NotNull(workers.TryRenew(Id, new() { CurrentLoad = 0.5 }));

        var again = workers.Enter(Id);
        Assert.True(again.IsLoaded);
        Assert.Equal((3L, 0.5, 1L), (again.Record!.Incarnation, again.Liveness.Load, again.Counters.Heartbeats));
        again.Forget(again.Record, clock.Elapsed());
        workers.Leave(again);
        Assert.False(workers.Enter(Id).IsLoaded);
    }

    [Fact]
    public void Heartbeats_from_many_threads_are_all_counted()
    {
        var (workers, worker) = Online();

        Parallel.For(0, 10_000, i => workers.TryRenew(Id, new() { CurrentLoad = i, ActiveRequests = i }));

        Assert.Equal(10_000, worker.Counters.Heartbeats);
        Assert.Equal(worker.Liveness.Load, worker.Liveness.ActiveRequests);
    }

    private (LiveWorkers Workers, LiveWorker Worker) Online(TimeSpan? lease = null, bool alone = false)
    {
        var workers = new LiveWorkers(batcher, clock, alone);
        var worker = workers.Enter(Id);
        var registration = new Registration
        {
            Urls = ["http://a:1"],
            Services = [ServiceType.ParseKey("ocr")],
            Lease = lease ?? Registration.DefaultLease,
        };
        worker.Load(new(Id, 3, registration, false, Guid.Empty, false, default), 0, clock.Elapsed());
        worker.Called(clock.Elapsed());
        return (workers, worker);
    }
}
