using WorkerMesh.Gateway.Cluster;

namespace WorkerMesh.Tests.Unit.Cluster;

public sealed class SiloListTests
{
    private readonly SiloList list = new();

    [Fact]
    public void A_silo_that_came_back_at_its_address_is_one_with_what_it_was()
    {
        list.Set([Started(2, 20), Started(1, 10), Started(2, 10)]);

        Assert.Equal([FakeSilos.Address(1), FakeSilos.Address(2)], list.Silos);
    }

    [Fact]
    public void The_version_grows_with_each_change_and_with_nothing_else()
    {
        Assert.Equal((0, 0), (list.Version, list.Silos.Length));
        list.Set([Started(1, 10), Started(2, 10)]);
        Assert.Equal(1, list.Version);
        list.Set([Started(2, 30), Started(1, 10)]);
        Assert.Equal(1, list.Version);
        list.Set([Started(1, 10)]);
        Assert.Equal(2, list.Version);
        list.Set([]);
        Assert.Equal((3, 0), (list.Version, list.Silos.Length));
    }

    private static SiloAddress Started(int port, int generation) =>
        SiloAddress.New(FakeSilos.Address(port).Endpoint, generation);
}
