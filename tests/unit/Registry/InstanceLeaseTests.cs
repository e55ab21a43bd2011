using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

public sealed class InstanceLeaseTests
{
    private static readonly TimeSpan OneTick = TimeSpan.FromTicks(1);
    private readonly TableFixture t = new();

    [Fact]
    public void A_late_renewal_does_not_shorten_the_lease()
    {
        t.Join("a");
        t.Now += TimeSpan.FromSeconds(5);
        t.Renew("a");
        t.Renew("a", heardAgo: TimeSpan.FromSeconds(4));

        t.ExpireAfter(Sample.Lease - TimeSpan.FromSeconds(4));
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
        t.ExpireAfter(TimeSpan.FromSeconds(4) - OneTick);
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
        t.ExpireAfter(OneTick);
        Assert.Equal(WorkerState.Offline, t.StateOf("a"));
    }

    [Fact]
    public void A_lease_is_counted_from_when_the_worker_was_heard_not_from_when_that_was_told()
    {
        t.Join("a");
        t.Now += TimeSpan.FromSeconds(10);
        t.Renew("a", heardAgo: TimeSpan.FromSeconds(4));

        t.ExpireAfter(Sample.Lease - TimeSpan.FromSeconds(4) - OneTick);
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
        Assert.Equal(1, t.Changes(() => t.ExpireAfter(OneTick)));
        Assert.Equal(WorkerState.Offline, t.StateOf("a"));
    }

    [Fact]
    public void A_lapsed_worker_is_revived_by_a_renewal_and_expires_again()
    {
        t.Join("a");
        t.ExpireAfter(Sample.Lease);
        Assert.Equal(WorkerState.Offline, t.StateOf("a"));

        Assert.Equal(1, t.Changes(() => Assert.True(t.Renew("a"))));
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
        Assert.Equal(t.Now + Sample.Lease, Deadline());
        Assert.Equal(1, t.Changes(() => t.ExpireAfter(Sample.Lease)));
        Assert.Equal(WorkerState.Offline, t.StateOf("a"));
    }

    [Fact]
    public void A_renewal_that_is_itself_older_than_the_lease_revives_nobody()
    {
        t.Join("a");
        t.ExpireAfter(Sample.Lease + TimeSpan.FromSeconds(10));

        Assert.Equal(0, t.Changes(() => t.Renew("a", heardAgo: Sample.Lease)));
        Assert.Equal(WorkerState.Offline, t.StateOf("a"));
    }

    [Fact]
    public void A_shorter_lease_of_a_new_registration_ends_at_the_shorter()
    {
        t.Join("a", lease: TimeSpan.FromMinutes(5));
        t.Join("a", incarnation: 2, lease: TimeSpan.FromSeconds(2));

        t.ExpireAfter(TimeSpan.FromSeconds(2) - OneTick);
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
        Assert.Equal(1, t.Changes(() => t.ExpireAfter(OneTick)));
        Assert.Equal(WorkerState.Offline, t.StateOf("a"));
        Assert.Equal(0, t.Changes(() => t.ExpireAfter(TimeSpan.FromMinutes(5))));
    }

    [Fact]
    public void A_new_registration_revives_a_lapsed_worker()
    {
        t.Join("a");
        t.ExpireAfter(Sample.Lease);

        Assert.Equal(1, t.Changes(() => t.Join("a", incarnation: 2)));
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
    }

    [Fact]
    public void A_worker_whose_lease_has_run_out_joins_offline()
    {
        t.Table.Join(Sample.Joining(Sample.Record("a"), heardAgo: Sample.Lease), t.Now);
        Assert.Equal(WorkerState.Offline, t.StateOf("a"));
        Assert.Equal(1, t.Table.Report.Workers.Offline);

        Assert.Equal(1, t.Changes(() => t.Renew("a")));
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
    }

    [Fact]
    public void A_worker_is_forgettable_when_its_lease_ended_a_retention_ago_and_not_after_it_left()
    {
        var retention = new RegistryOptions().RecordRetention;
        t.Join("a");
        t.Join("b");
        Assert.Empty(t.ExpireAfter(Sample.Lease));
        Assert.Empty(t.ExpireAfter(retention - OneTick));
        t.Leave("b");

        Assert.Equal(["a"], t.ExpireAfter(OneTick));
        t.Leave("a");
        Assert.Empty(t.ExpireAfter(retention));
        Assert.Empty(t.All().Changes);
    }

    private TimeSpan Deadline()
    {
        // The entries of earlier leases come first and are void.
        for (; t.Table.NextDeadline <= t.Now;)
        {
            t.Table.Expire(t.Now);
        }

        return t.Table.NextDeadline!.Value;
    }
}
