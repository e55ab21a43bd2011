using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

public sealed class InstanceTableTests
{
    private readonly TableFixture t = new();

    [Fact]
    public void A_first_registration_that_is_told_late_changes_nothing_of_what_others_have_told_of_it()
    {
        t.Join("a", draining: true, load: 0.5);
        Assert.Equal(0, t.Changes(() => t.JoinFirst("a")));
        Assert.Equal((WorkerState.Draining, 0.5), (t.Find("a")!.State, t.Find("a")!.Load));

        t.JoinFirst("a", incarnation: 2);
        Assert.Equal((WorkerState.Online, 2L), (t.Find("a")!.State, t.Find("a")!.Incarnation));
        t.Leave("a", incarnation: 2);
        Assert.Equal(0, t.Changes(() => t.JoinFirst("a", incarnation: 2)));
    }

    [Fact]
    public void A_worker_joins_once()
    {
        Assert.Equal(1, t.Changes(() => t.Join("a")));
        Assert.Equal(0, t.Changes(() => t.Join("a")));

        var a = Assert.Single(t.All().Changes);
        Assert.Equal((1L, WorkerState.Online, false), (a.Incarnation, a.State, a.Removed));
        Assert.Equal((t.Version, t.Version), (a.AddedVersion, a.Version));
        Assert.Equal("http://a:8000", Assert.Single(a.Registration!.Urls));
    }

    [Fact]
    public void A_higher_incarnation_replaces_a_lower_and_keeps_the_version_of_joining()
    {
        t.Join("a");
        var added = t.Version;

        Assert.Equal(1, t.Changes(() => t.Join("a", incarnation: 2)));

        var a = Assert.Single(t.All().Changes);
        Assert.Equal((2L, added, t.Version), (a.Incarnation, a.AddedVersion, a.Version));
    }

    [Fact]
    public void A_replacement_that_also_changes_the_state_is_one_change_with_its_registration()
    {
        t.Join("a", draining: true);
        var known = t.Version;

        Assert.Equal(1, t.Changes(() => t.Join("a", incarnation: 2)));

        var change = Assert.Single(t.Since(known).Changes);
        Assert.Equal((2L, WorkerState.Online), (change.Incarnation, change.State));
        Assert.NotNull(change.Registration);
    }

    [Fact]
    public void An_older_incarnation_changes_nothing_whatever_it_asks()
    {
        t.Join("a", incarnation: 5);

        var changes = t.Changes(() =>
        {
            t.Join("a", incarnation: 4, draining: true);
            Assert.True(t.Renew("a", incarnation: 4, degraded: true, load: 1));
            t.Leave("a", incarnation: 4);
        });

        Assert.Equal(0, changes);
        Assert.Equal((5L, WorkerState.Online), (t.Find("a")!.Incarnation, t.StateOf("a")));
    }

    [Fact]
    public void A_late_join_after_the_leave_does_not_bring_the_worker_back()
    {
        t.Join("a", incarnation: 3);
        Assert.Equal(1, t.Changes(() => t.Leave("a", incarnation: 3)));

        Assert.Equal(0, t.Changes(() => t.Join("a", incarnation: 3)));
        Assert.Empty(t.All().Changes);
        Assert.Equal(1, t.Changes(() => t.Join("a", incarnation: 4)));
        Assert.Equal(4, t.Find("a")!.Incarnation);
    }

    [Fact]
    public void A_leave_for_a_newer_incarnation_than_joined_keeps_that_one_out_too()
    {
        t.Join("a", incarnation: 3);
        t.Leave("a", incarnation: 5);

        Assert.Equal(0, t.Changes(() => t.Join("a", incarnation: 5)));
        Assert.Equal(1, t.Changes(() => t.Join("a", incarnation: 6)));
    }

    [Fact]
    public void A_second_leave_that_names_a_newer_incarnation_keeps_that_one_out_too()
    {
        t.Join("a", incarnation: 3);
        t.Leave("a", incarnation: 3);

        Assert.Equal(0, t.Changes(() => t.Leave("a", incarnation: 5)));

        Assert.Equal(0, t.Changes(() => t.Join("a", incarnation: 5)));
        Assert.Equal(0, t.Changes(() => t.Leave("a", incarnation: 4)));
        Assert.Equal(0, t.Changes(() => t.Join("a", incarnation: 5)));
        Assert.Equal(1, t.Changes(() => t.Join("a", incarnation: 6)));
    }

    [Fact]
    public void A_late_renewal_after_the_leave_asks_for_no_rejoin()
    {
        t.Join("a", incarnation: 3);
        t.Leave("a", incarnation: 3);

        Assert.True(t.Renew("a", incarnation: 3));
        Assert.False(t.Renew("a", incarnation: 4));
        Assert.Empty(t.All().Changes);
    }

    [Fact]
    public void A_renewal_of_a_worker_or_an_incarnation_that_is_not_here_asks_for_a_rejoin()
    {
        Assert.False(t.Renew("a"));
        t.Join("a");
        Assert.False(t.Renew("a", incarnation: 2, degraded: true));
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
    }

    [Fact]
    public void A_leave_of_a_worker_that_is_not_here_changes_nothing() =>
        Assert.Equal(0, t.Changes(() => t.Leave("a")));

    [Fact]
    public void Renewals_that_change_nothing_make_no_version()
    {
        t.Join("a");
        for (var i = 0; i < 10; i++)
        {
            t.Now += TimeSpan.FromSeconds(5);
            Assert.Equal(0, t.Changes(() => Assert.True(t.Renew("a"))));
            Assert.Equal(0, t.Changes(() => t.Table.Expire(t.Now)));
        }
    }

    [Fact]
    public void The_load_is_announced_once_it_has_moved_by_a_step()
    {
        var loads = new TableFixture(new() { LoadStep = 0.25 });
        loads.Join("a", load: 0.5);

        Assert.Equal(0, loads.Changes(() => loads.Renew("a", load: 0.625)));
        Assert.Equal(1, loads.Changes(() => loads.Renew("a", load: 0.75)));
        Assert.Equal(0.75, loads.Find("a")!.Load);
        Assert.Equal(0, loads.Changes(() => loads.Renew("a", load: 0.625)));
        Assert.Equal(1, loads.Changes(() => loads.Renew("a", load: 0.5)));
        // By a repeated join as well, or it would stay hidden until the next renewal.
        Assert.Equal(1, loads.Changes(() => loads.Join("a", load: 1)));
        Assert.Equal(0, loads.Changes(() => loads.Join("a", load: 1)));
    }

    [Fact]
    public void A_renewal_that_says_degraded_is_one_change_and_so_is_the_way_back()
    {
        t.Join("a");

        Assert.Equal(1, t.Changes(() => t.Renew("a", degraded: true, load: 1)));
        Assert.Equal((WorkerState.Degraded, 1.0), (t.StateOf("a"), t.Find("a")!.Load));
        Assert.Equal(1, t.Changes(() => t.Renew("a", degraded: false, load: 1)));
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
    }

    [Fact]
    public void Draining_is_told_by_a_join_of_the_same_incarnation()
    {
        t.Join("a");

        Assert.Equal(1, t.Changes(() => t.Join("a", draining: true)));
        Assert.Equal(WorkerState.Draining, t.StateOf("a"));
        Assert.Equal(0, t.Changes(() => t.Renew("a", degraded: true)));
        Assert.Equal(1, t.Changes(() => t.Join("a")));
        Assert.Equal(WorkerState.Online, t.StateOf("a"));
    }

    [Fact]
    public void Each_worker_is_primary_in_the_first_of_its_service_types_only()
    {
        t.Table.Join(Sample.Joining(Sample.Record("a", services: [Sample.Ocr, Sample.Echo])), t.Now);
        t.Table.Join(Sample.Joining(Sample.Record("b", services: [Sample.Echo, Sample.Ocr])), t.Now);
        Assert.Equal((2, 1), (t.Table.Report.Workers.Online, t.Table.Report.Primary.Online));

        t.Table.Join(Sample.Joining(Sample.Record("b", incarnation: 2, services: [Sample.Ocr, Sample.Echo])), t.Now);
        Assert.Equal((2, 2), (t.Table.Report.Workers.Online, t.Table.Report.Primary.Online));
        t.ExpireAfter(Sample.Lease);
        Assert.Equal(new StateCounts(0, 0, 0, 2), t.Table.Report.Primary);
        t.Leave("a");
        Assert.Equal(new StateCounts(0, 0, 0, 1), t.Table.Report.Primary);
    }
}
