using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>
/// Where a grain comes into memory is decided by its key, the same by each silo: not by how busy the silos were when they
/// last said so, by which all of a burst go to the same one.
/// </summary>
public sealed class PlacementTests : IAsyncLifetime
{
    private const int Silos = 3;
    private const int Grains = 60;

    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start(Silos);

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public Task Workers_are_spread_over_the_silos_by_their_ids()
    {
        for (var n = 0; n < Grains; n++)
        {
            var record = Sample.Record($"w-{n}", n + 1, Sample.Ocr);
            mesh.Store.Poke(record.Id, record);
        }

        return AreSpreadByKey(n => mesh.Worker($"w-{n}"), worker => worker.Describe());
    }

    [Fact]
    public Task Registries_are_spread_over_the_silos_by_their_service_types() =>
        AreSpreadByKey(n => mesh.Registry(ServiceType.ParseKey($"s-{n}")), registry => registry.Count());

    private async Task AreSpreadByKey<T>(Func<int, T> grain, Func<T, Task> call)
        where T : IGrain
    {
        var grains = Enumerable.Range(0, Grains).Select(grain).ToList();
        await Task.WhenAll(grains.Select(call));
        var homes = await mesh.HomesOf(grains[0]);
        await Task.WhenAll(grains.Select(g => mesh.Deactivate(g)));
        Assert.Empty(await mesh.HomesOf(grains[0]));

        await Task.WhenAll(grains.Select(call));

        Assert.Equal(homes, await mesh.HomesOf(grains[0]));
        var counts = homes.Values.CountBy(silo => silo).ToDictionary();
        Assert.Equal(Silos, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, Grains / Silos / 3, Grains));
    }
}
