using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Tests.Unit.Registry;

public sealed class LeaseQueueTests
{
    private static readonly TimeSpan Start = TimeSpan.FromHours(1);
    private readonly RegistryOptions options = new();
    private readonly LeaseQueue leases;

    public LeaseQueueTests() => leases = new(options);

    [Fact]
    public void There_is_no_deadline_without_instances() => Assert.Null(leases.NextDeadline);

    [Fact]
    public void The_next_deadline_is_the_earliest_lease()
    {
        Schedule("a", Seconds(20));
        Schedule("b", Seconds(10));
        Schedule("c", Seconds(15));

        Assert.Equal(Seconds(10), leases.NextDeadline);
    }

    [Fact]
    public void A_lease_runs_out_at_its_end_and_not_before()
    {
        var a = Schedule("a", Seconds(10));

        Assert.Empty(leases.Expire(Seconds(10) - TimeSpan.FromTicks(1), 1).Settled);
        Assert.Equal([a], leases.Expire(Seconds(10), 1).Settled);
        Assert.True(a.Lapsed);
        Assert.Empty(leases.Expire(Seconds(11), 1).Settled);
    }

    [Fact]
    public void A_renewed_lease_is_put_back()
    {
        var a = Schedule("a", Seconds(10));
        a.LeaseEnd = Seconds(18);

        Assert.Empty(leases.Expire(Seconds(10), 1).Settled);
        Assert.Equal(Seconds(18), leases.NextDeadline);
        Assert.Equal([a], leases.Expire(Seconds(18), 1).Settled);
    }

    [Fact]
    public void An_instance_that_was_scheduled_again_expires_once_at_the_new_time()
    {
        var a = Schedule("a", Seconds(30));
        a.LeaseEnd = Seconds(10);
        leases.Schedule(a);

        Assert.Equal([a], leases.Expire(Seconds(10), 1).Settled);
        var due = leases.Expire(Seconds(30), 1);
        Assert.Empty(due.Settled);
        Assert.Empty(due.Forgettable);
    }

    [Fact]
    public void A_removed_instance_does_not_expire()
    {
        Schedule("a", Seconds(10)).Removed = true;

        Assert.Empty(leases.Expire(Seconds(10), 0).Settled);
        Assert.Null(leases.NextDeadline);
    }

    [Fact]
    public void A_lapsed_instance_may_be_forgotten_after_the_retention_and_is_named_again_until_it_is()
    {
        var a = Schedule("a", Seconds(10));
        leases.Expire(Seconds(10), 1);
        var end = Seconds(10) + options.RecordRetention;

        Assert.Empty(leases.Expire(end - TimeSpan.FromTicks(1), 1).Forgettable);
        Assert.Equal([a], leases.Expire(end, 1).Forgettable);
        Assert.Empty(leases.Expire(end, 1).Forgettable);
        Assert.Equal([a], leases.Expire(end + TimeSpan.FromMinutes(1), 1).Forgettable);
        a.Removed = true;
        Assert.Empty(leases.Expire(end + TimeSpan.FromHours(1), 0).Forgettable);
    }

    [Fact]
    public void An_instance_that_was_heard_from_again_is_not_forgotten()
    {
        var a = Schedule("a", Seconds(10));
        leases.Expire(Seconds(10), 1);
        leases.Unlapse(a);
        a.LeaseEnd = Seconds(10) + options.RecordRetention + TimeSpan.FromMinutes(5);
        leases.Schedule(a);

        var due = leases.Expire(Seconds(10) + options.RecordRetention, 1);

        Assert.Empty(due.Forgettable);
        Assert.Empty(due.Settled);
        Assert.False(a.Lapsed);
    }

    private static TimeSpan Seconds(double seconds) => Start + TimeSpan.FromSeconds(seconds);

    private Instance Schedule(string id, TimeSpan leaseEnd)
    {
        var registration = Sample.Record(id).Registration;
        var instance = new Instance(WorkerId.Parse(id)) { Registration = registration, LeaseEnd = leaseEnd };
        leases.Schedule(instance);
        return instance;
    }
}
