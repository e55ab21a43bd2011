using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

public sealed class MassExpiryTests
{
    private static readonly TimeSpan Window = new RegistryOptions().MassExpiryWindow;
    private readonly TableFixture t = new();

    [Theory]
    [InlineData(9, 9, WorkerState.Offline)]
    [InlineData(10, 10, WorkerState.Degraded)]
    [InlineData(10, 5, WorkerState.Offline)]
    [InlineData(10, 6, WorkerState.Degraded)]
    [InlineData(40, 20, WorkerState.Offline)]
    [InlineData(40, 21, WorkerState.Degraded)]
    public void Leases_that_run_out_in_one_moment_turn_workers_degraded_where_they_are_most_of_ten_or_more(
        int workers, int silent, WorkerState expected)
    {
        t.JoinMany(workers);
        RenewAllBut(silent, workers);

        var changes = t.Changes(() => t.ExpireAfter(Sample.Lease - TimeSpan.FromSeconds(5)));

        Assert.Equal(silent, changes);
        Assert.All(Enumerable.Range(0, silent), i => Assert.Equal(expected, t.StateOf(Sample.Name(i))));
        Assert.All(
            Enumerable.Range(silent, workers - silent),
            i => Assert.Equal(WorkerState.Online, t.StateOf(Sample.Name(i))));
        Assert.Equal(expected == WorkerState.Degraded, IsSuspected(0));
        Assert.Equal(t.Recount(), t.Table.Report.Workers);
    }

    [Fact]
    public void Those_that_turned_offline_earlier_in_the_window_turn_degraded_too()
    {
        JoinSpread(workers: 10, over: Window);

        LapseOneByOne(5, Window);
        Assert.Equal(5, t.Table.Report.Workers.Offline);
        Assert.Equal(6, t.Changes(() => LapseOneByOne(1, Window)));
        Assert.Equal(new StateCounts(4, 6, 0, 0), t.Table.Report.Workers);
        LapseOneByOne(4, Window);
        Assert.Equal(new StateCounts(0, 10, 0, 0), t.Table.Report.Workers);
        Assert.Equal(t.Recount(), t.Table.Report.Workers);
    }

    [Fact]
    public void Leases_that_run_out_one_after_another_turn_offline()
    {
        // At most five of ten, four of nine and so on in any one window.
        var over = Window * 10;
        JoinSpread(workers: 10, over);

        LapseOneByOne(10, over);

        Assert.Equal(new StateCounts(0, 0, 0, 10), t.Table.Report.Workers);
    }

    [Fact]
    public void Those_that_lapsed_before_the_window_do_not_count_among_the_leases()
    {
        t.JoinMany(30);
        RenewAllBut(silent: 15, workers: 30);
        t.ExpireAfter(Sample.Lease - TimeSpan.FromSeconds(5));
        Assert.Equal(15, t.Table.Report.Workers.Offline);

        // Eight of the fifteen that are left: few of thirty, but most of those that could be heard.
        t.Now += TimeSpan.FromSeconds(1);
        for (var i = 23; i < 30; i++)
        {
            t.Renew(Sample.Name(i));
        }

        t.Now += Window;
        t.ExpireAfter(TimeSpan.Zero);
        Assert.Equal(new StateCounts(7, 8, 0, 15), t.Table.Report.Workers);
    }

    [Fact]
    public void A_suspected_worker_that_is_heard_from_is_online_again()
    {
        t.JoinMany(10);
        t.ExpireAfter(Sample.Lease);

        Assert.Equal(1, t.Changes(() => t.Renew(Sample.Name(3))));

        Assert.Equal(WorkerState.Online, t.StateOf(Sample.Name(3)));
        Assert.False(IsSuspected(3));
        Assert.True(IsSuspected(4));
        Assert.Equal(new StateCounts(1, 9, 0, 0), t.Table.Report.Workers);
    }

    [Fact]
    public void One_that_lapses_by_itself_after_a_mass_expiry_is_offline()
    {
        t.JoinMany(20);
        t.ExpireAfter(Sample.Lease);
        for (var i = 0; i < 20; i++)
        {
            t.Renew(Sample.Name(i));
        }

        t.Now += TimeSpan.FromSeconds(10);
        for (var i = 1; i < 20; i++)
        {
            t.Renew(Sample.Name(i));
        }

        t.ExpireAfter(Sample.Lease - TimeSpan.FromSeconds(10));

        Assert.Equal(WorkerState.Offline, t.StateOf(Sample.Name(0)));
        Assert.Equal(new StateCounts(19, 0, 0, 1), t.Table.Report.Workers);
    }

    [Fact]
    public void A_suspected_worker_is_forgettable_after_the_retention()
    {
        t.JoinMany(10);
        t.ExpireAfter(Sample.Lease);
        t.Renew(Sample.Name(0));

        Assert.Equal(9, t.ExpireAfter(new RegistryOptions().RecordRetention).Count);
    }

    [Fact]
    public void A_share_of_one_switches_it_off()
    {
        var off = new TableFixture(new() { MassExpiryShare = 1 });
        off.JoinMany(50);
        off.ExpireAfter(Sample.Lease);

        Assert.Equal(50, off.Table.Report.Workers.Offline);
    }

    [Fact]
    public void Only_the_current_incarnation_is_suspected()
    {
        t.JoinMany(10);
        t.ExpireAfter(Sample.Lease);

        Assert.True(t.Table.IsSuspected(WorkerId.Parse(Sample.Name(0)), 1));
        Assert.False(t.Table.IsSuspected(WorkerId.Parse(Sample.Name(0)), 2));
        Assert.False(t.Table.IsSuspected(WorkerId.Parse("unknown"), 1));
    }

    private void RenewAllBut(int silent, int workers)
    {
        t.Now += TimeSpan.FromSeconds(5);
        for (var i = silent; i < workers; i++)
        {
            t.Renew(Sample.Name(i));
        }
    }

    private void JoinSpread(int workers, TimeSpan over)
    {
        for (var i = 0; i < workers; i++)
        {
            t.Join(Sample.Name(i), lease: TimeSpan.FromMinutes(2) + (over * i / workers));
        }

        t.Now += TimeSpan.FromMinutes(2) - (over / workers);
    }

    private void LapseOneByOne(int count, TimeSpan over)
    {
        for (var i = 0; i < count; i++)
        {
            t.ExpireAfter(over / 10);
        }
    }

    private bool IsSuspected(int number) => t.Table.IsSuspected(WorkerId.Parse(Sample.Name(number)), 1);
}
