using System.Runtime;

namespace WorkerMesh.Tests.Unit.Registry;

/// <summary>
/// Twenty times the instances may cost about twenty times the time, not four hundred times. The limit is far from both, for
/// a machine that does other things beside; the times themselves say more of the machine than of the code.
/// </summary>
[CollectionDefinition(nameof(TableCostTests), DisableParallelization = true)]
[Collection(nameof(TableCostTests))]
public sealed class TableCostTests
{
    private const int Few = 2_000;
    private const int Many = 40_000;
    private const double NotQuadratic = 150;
    private const int RoomForOneRound = 128 * 1024 * 1024;
    private static readonly TimeSpan Apart = TimeSpan.FromTicks(100);

    [Fact]
    public void Leases_that_run_out_one_after_another_cost_the_same_each() =>
        AssertRatio(instances => (Joined(instances), LapseOneByOne));

    [Fact]
    public void Revivals_cost_the_same_each() => AssertRatio(instances =>
    {
        var fixture = Joined(instances);
        LapseOneByOne(fixture);
        return (fixture, ReviveEach);
    });

    [Fact]
    public void Watching_each_of_many_changes_costs_the_same_each() =>
        AssertRatio(instances => (Joined(instances), WatchEachChange));

    private static TableFixture Joined(int instances)
    {
        var fixture = new TableFixture();
        for (var i = 0; i < instances; i++)
        {
            fixture.Join(Sample.Name(i), lease: Sample.Lease + (Apart * i));
        }

        fixture.Now += Sample.Lease;
        return fixture;
    }

    private static void LapseOneByOne(TableFixture fixture)
    {
        var instances = fixture.Table.Count;
        var before = fixture.Version;
        for (var i = 0; i < instances; i++)
        {
            fixture.Table.Expire(fixture.Now);
            fixture.Now += Apart;
        }

        // Half of them offline, and half and one degraded at the turn and after.
        Assert.Equal(instances + (instances / 2), fixture.Version - before);
        Assert.Equal(instances, fixture.Table.Report.Workers.Degraded);
    }

    private static void ReviveEach(TableFixture fixture)
    {
        var instances = fixture.Table.Count;
        for (var i = 0; i < instances; i++)
        {
            fixture.Renew(Sample.Name(i));
            fixture.Table.Expire(fixture.Now);
        }

        Assert.Equal(instances, fixture.Table.Report.Workers.Online);
    }

    private static void WatchEachChange(TableFixture fixture)
    {
        var instances = fixture.Table.Count;
        for (var i = 0; i < instances; i++)
        {
            var known = fixture.Table.Version;
            fixture.Renew(Sample.Name(i), degraded: true);
            Assert.Single(fixture.Table.ChangesSince(known).Changes);
        }
    }

    private static void AssertRatio(Func<int, (TableFixture Fixture, Action<TableFixture> Measured)> prepare)
    {
        const int rounds = 5;
        var few = new List<double>();
        var many = new List<double>();
        Measure(Few);
        for (var round = 0; round < rounds; round++)
        {
            few.Add(Measure(Few));
            many.Add(Measure(Many));
        }

        var ratio = many.Min() / few.Min();
        Assert.True(ratio < NotQuadratic, $"{Many} instances cost {ratio:F2} times as much as {Few}.");

        double Measure(int instances)
        {
            var (fixture, measured) = prepare(instances);
            // A collection costs by what is alive, and there are more of them with more instances: quadratic by itself.
            GC.TryStartNoGCRegion(RoomForOneRound);
            var started = TimeProvider.System.GetTimestamp();
            measured(fixture);
            var elapsed = TimeProvider.System.GetElapsedTime(started);
            if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
            {
                GC.EndNoGCRegion();
            }

            return elapsed.TotalMilliseconds;
        }
    }
}
