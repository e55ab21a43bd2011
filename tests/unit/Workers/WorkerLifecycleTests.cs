using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Unit.Registry;

namespace WorkerMesh.Tests.Unit.Workers;

public sealed class WorkerLifecycleTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Heard = TimeSpan.FromSeconds(100);

    [Theory]
    [InlineData(true, false, false, false, WorkerState.Online)]
    [InlineData(true, false, false, true, WorkerState.Degraded)]
    [InlineData(true, false, true, false, WorkerState.Draining)]
    [InlineData(true, false, true, true, WorkerState.Draining)]
    [InlineData(true, true, false, false, WorkerState.Online)]
    [InlineData(true, true, false, true, WorkerState.Degraded)]
    [InlineData(true, true, true, false, WorkerState.Draining)]
    [InlineData(true, true, true, true, WorkerState.Draining)]
    [InlineData(false, false, false, false, WorkerState.Offline)]
    [InlineData(false, false, false, true, WorkerState.Offline)]
    [InlineData(false, false, true, false, WorkerState.Offline)]
    [InlineData(false, false, true, true, WorkerState.Offline)]
    [InlineData(false, true, false, false, WorkerState.Degraded)]
    [InlineData(false, true, false, true, WorkerState.Degraded)]
    [InlineData(false, true, true, false, WorkerState.Draining)]
    [InlineData(false, true, true, true, WorkerState.Draining)]
    public void A_lapsed_lease_outweighs_draining_which_outweighs_degraded(
        bool leaseRuns, bool suspected, bool draining, bool degraded, WorkerState expected) =>
        Assert.Equal(expected, WorkerLifecycle.StateOf(leaseRuns, suspected, draining, degraded));

    [Theory]
    [InlineData(null, null, true)]
    [InlineData(null, 1L, true)]
    [InlineData(3L, null, true)]
    [InlineData(3L, 2L, false)]
    [InlineData(3L, 3L, true)]
    [InlineData(3L, 4L, true)]
    public void A_registration_is_refused_only_where_the_stored_one_is_newer_than_the_sender_expects(
        long? stored, long? expected, bool allowed) =>
        Assert.Equal(allowed, WorkerLifecycle.MayRegister(RecordOf(stored), expected));

    [Theory]
    [InlineData(null, 0L, 1L)]
    [InlineData(null, 41L, 42L)]
    [InlineData(7L, 0L, 8L)]
    [InlineData(7L, 41L, 8L)]
    public void The_next_incarnation_is_above_the_stored_one_or_above_the_floor(long? stored, long floor, long next) =>
        Assert.Equal(next, WorkerLifecycle.NextIncarnation(RecordOf(stored), floor));

    [Theory]
    [InlineData(null, null, HeartbeatOutcome.Unknown)]
    [InlineData(null, 1L, HeartbeatOutcome.Unknown)]
    [InlineData(3L, null, HeartbeatOutcome.Renewed)]
    [InlineData(3L, 3L, HeartbeatOutcome.Renewed)]
    [InlineData(3L, 2L, HeartbeatOutcome.Superseded)]
    [InlineData(3L, 4L, HeartbeatOutcome.Superseded)]
    public void A_heartbeat_is_taken_from_the_current_incarnation_only(
        long? stored, long? sent, HeartbeatOutcome expected)
    {
        var known = new Liveness(Heard, Load: 0.3);

        var decision = WorkerLifecycle.Apply(
            RecordOf(stored), known, new() { Incarnation = sent, CurrentLoad = 0.9, Degraded = true }, Heard + Lease);

        Assert.Equal(expected, decision.Outcome);
        if (expected != HeartbeatOutcome.Renewed)
        {
            Assert.Equal(known, decision.Next);
            Assert.False(decision.Announce);
        }
    }

    [Fact]
    public void A_heartbeat_replaces_what_it_names_and_leaves_the_rest()
    {
        var known = new Liveness(Heard, ReportsDegraded: true, FailsCheck: true, Load: 0.3, ActiveRequests: 4);
        var now = Heard + TimeSpan.FromSeconds(1);

        Assert.Equal(known with { HeardAt = now }, Apply(known, new(), now).Next);
        Assert.Equal(
            new Liveness(now, ReportsDegraded: false, FailsCheck: true, Load: 0.7, ActiveRequests: 9),
            Apply(known, new() { Degraded = false, CurrentLoad = 0.7, ActiveRequests = 9 }, now).Next);
    }

    [Theory]
    // The lease runs on: only a change between degraded and not degraded is worth a message of its own.
    [InlineData(14.9, false, false, null, false)]
    [InlineData(14.9, false, false, false, false)]
    [InlineData(14.9, false, false, true, true)]
    [InlineData(14.9, true, false, null, false)]
    [InlineData(14.9, true, false, false, true)]
    // What fails its check is degraded whatever it says.
    [InlineData(14.9, true, true, false, false)]
    [InlineData(14.9, false, true, true, false)]
    // It had lapsed.
    [InlineData(15, false, false, null, true)]
    [InlineData(400, true, false, null, true)]
    public void A_heartbeat_is_announced_at_once_where_routing_changes(
        double secondsSilent, bool wasDegraded, bool failsCheck, bool? reports, bool announce)
    {
        var known = new Liveness(Heard, wasDegraded, failsCheck);

        var decision = Apply(known, new() { Degraded = reports }, Heard + TimeSpan.FromSeconds(secondsSilent));

        Assert.Equal(HeartbeatOutcome.Renewed, decision.Outcome);
        Assert.Equal(announce, decision.Announce);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(15, false)]
    [InlineData(614.999, false)]
    [InlineData(615, true)]
    [InlineData(616, true)]
    public void A_record_is_kept_for_the_retention_after_its_lease(double secondsSilent, bool mayForget) =>
        Assert.Equal(mayForget, WorkerLifecycle.MayForget(
            RecordOf(1)!, new(Heard), TimeSpan.FromMinutes(10), Heard + TimeSpan.FromSeconds(secondsSilent)));

    private static HeartbeatDecision Apply(Liveness known, Heartbeat beat, TimeSpan now) =>
        WorkerLifecycle.Apply(RecordOf(3), known, beat, now);

    private static WorkerRecord? RecordOf(long? incarnation) =>
        incarnation is { } number ? Sample.Record("w", number, Lease) : null;
}
