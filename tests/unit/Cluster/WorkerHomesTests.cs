using System.Net;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>What a gateway remembers of where workers are in memory.</summary>
public sealed class WorkerHomesTests
{
    private static readonly SiloAddress One = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 1), 0);
    private static readonly SiloAddress Two = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 2), 0);

    [Fact]
    public void A_worker_is_where_it_was_last_heard_of_and_nowhere_once_it_was_not_there()
    {
        var homes = new WorkerHomes();
        Assert.Null(homes.Find(Id(1)));

        homes.Learn(Id(1), One);
        homes.Learn(Id(2), One);
        Assert.Same(homes.Find(Id(1)), homes.Find(Id(2)));
        Assert.Equal(One, homes.Find(Id(1))!.Silo);

        homes.Learn(Id(1), Two);
        Assert.Equal((Two, One), (homes.Find(Id(1))!.Silo, homes.Find(Id(2))!.Silo));

        homes.Forget(Id(1));
        homes.Forget(Id(3));
        Assert.Null(homes.Find(Id(1)));
        Assert.NotNull(homes.Find(Id(2)));
    }

    [Fact]
    public void A_silo_that_is_lost_is_nobodys_home_until_it_is_learned_again()
    {
        var homes = new WorkerHomes();
        homes.Learn(Id(1), One);
        homes.Learn(Id(2), One);
        homes.Learn(Id(3), Two);
        var lost = homes.Find(Id(1))!;

        homes.Lose(lost);
        Assert.Equal([null, null, Two], new[] { 1, 2, 3 }.Select(n => homes.Find(Id(n))?.Silo));

        homes.Learn(Id(1), One);
        // Said late, by who asked before.
        homes.Lose(lost);
        Assert.Equal([One, null, Two], new[] { 1, 2, 3 }.Select(n => homes.Find(Id(n))?.Silo));
    }

    [Fact]
    public void It_never_has_more_entries_than_it_may()
    {
        var homes = new WorkerHomes(capacity: 10);
        for (var n = 1; n <= 1000; n++)
        {
            homes.Learn(Id(n), One);
            Assert.InRange(homes.Count, 1, 10);
            Assert.NotNull(homes.Find(Id(n)));
        }
    }

    private static WorkerId Id(int number) => WorkerId.Parse($"w{number}");
}
