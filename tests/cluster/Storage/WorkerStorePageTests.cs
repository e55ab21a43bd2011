using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Storage;

/// <summary>What <see cref="IWorkerStore"/> promises about listings, for every implementation.</summary>
public abstract class WorkerStorePageTests(StoreSource source) : IAsyncLifetime
{
    private IWorkerStore _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _store = await source.OpenAsync(Cancel);

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return source.DisposeAsync();
    }

    [Fact]
    public async Task Pages_are_in_ordinal_order()
    {
        string[] ids = ["a-b", "a.b", "A", "a_b", "ab", "B", "a", "aB", "10", "9", "Z.z", "z-Z"];
        await SaveAsync(ids.Select(id => Sample.Record(id)));
        var expected = ids.Order(StringComparer.Ordinal).ToList();

        Assert.Equal(expected, await _store.IdsAsync());
        Assert.Equal(expected, await _store.IdsAsync(limit: 1));
        Assert.Equal(expected, await _store.IdsAsync("echo", limit: 5));
    }

    [Fact]
    public async Task Pages_hold_only_workers_of_the_registry_key_and_the_zone()
    {
        await SaveAsync(
        [
            Sample.Record("a", services: ["ocr", "echo"], zone: "east"),
            Sample.Record("b", services: ["ocr"], zone: "west"),
            Sample.Record("c", services: ["echo"]),
            Sample.Record("d", services: [], zone: "east"),
            Sample.Record("e", services: ["ocr"], zone: "east"),
        ]);

        Assert.Equal(["a", "b", "c", "d", "e"], await _store.IdsAsync());
        Assert.Equal(["a", "b", "e"], await _store.IdsAsync("ocr"));
        Assert.Equal(["a", "c"], await _store.IdsAsync("echo"));
        Assert.Equal(["d"], await _store.IdsAsync("-"));
        Assert.Equal(["a", "d", "e"], await _store.IdsAsync(zone: "east"));
        Assert.Equal(["a", "e"], await _store.IdsAsync("ocr", "east", limit: 1));
        Assert.Equal(["d"], await _store.IdsAsync("-", "east"));
        Assert.Empty(await _store.IdsAsync("oc"));
        Assert.Empty(await _store.IdsAsync("echo", "west"));
        Assert.Empty(await _store.IdsAsync(zone: "EAST"));
    }

    [Fact]
    public async Task A_page_begins_after_an_id_whether_it_is_stored_or_not()
    {
        await SaveAsync([Sample.Record("b"), Sample.Record("d"), Sample.Record("f")]);

        Assert.Equal(["d", "f"], await PageAfterAsync("b", 5));
        Assert.Equal(["d"], await PageAfterAsync("c", 1));
        Assert.Empty(await PageAfterAsync("f", 5));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => PageAfterAsync("b", 0));
    }

    [Fact]
    public async Task Continuing_after_each_page_gives_every_worker_of_2500_once()
    {
        var ids = Enumerable.Range(0, 2500).Select(i => $"worker-{i}").ToArray();
        await SaveAsync(ids.Select((id, i) => Sample.Record(id, 1, i % 5 == 0 ? ["ocr", "echo"] : ["echo"], "z")));
        var expected = ids.Order(StringComparer.Ordinal).ToList();

        Assert.Equal(expected, await _store.IdsAsync(limit: 333));
        Assert.Equal(expected, await _store.IdsAsync("echo", limit: 1000));
        Assert.Equal(expected, await _store.IdsAsync(zone: "z", limit: 2499));
        Assert.Equal(500, (await _store.IdsAsync("ocr", limit: 7)).Distinct().Count());
    }

    [Fact]
    public async Task Service_types_are_those_that_a_stored_worker_offers()
    {
        await SaveAsync(
        [
            Sample.Record("a", services: ["ocr", "Echo"]),
            Sample.Record("b", services: ["ocr", "b.c", "b-c"]),
        ]);
        Assert.Equal(["Echo", "b-c", "b.c", "ocr"], await TypesAsync());

        await SaveAsync([Sample.Record("c", services: []), Sample.Record("b", 2, ["ocr"])]);
        Assert.Equal(["-", "Echo", "ocr"], await TypesAsync());

        Assert.True(await _store.RemoveAsync(WorkerId.Parse("c"), 1, Cancel));
        Assert.True(await _store.RemoveAsync(WorkerId.Parse("b"), 2, Cancel));
        Assert.True(await _store.RemoveAsync(WorkerId.Parse("a"), 1, Cancel));
        Assert.Empty(await TypesAsync());
    }

    [Fact]
    public async Task A_worker_may_offer_as_many_services_as_are_allowed()
    {
        var services = Enumerable.Range(0, 64).Select(i => $"s{i}").ToArray();
        await SaveAsync([Sample.Record("a", services: services)]);

        Assert.Equal(services.Order(StringComparer.Ordinal), await TypesAsync());
        Assert.Equal(["a"], await _store.IdsAsync("s63"));
    }

    private async Task SaveAsync(IEnumerable<WorkerRecord> records) =>
        Assert.All(await Task.WhenAll(records.Select(record => _store.SaveAsync(record, Cancel))), Assert.True);

    private async Task<IEnumerable<string>> PageAfterAsync(string after, int limit) =>
        (await _store.ReadPageAsync(new WorkerPage(limit, WorkerId.Parse(after)), Cancel)).Select(r => r.Id.Value);

    private async Task<List<string>> TypesAsync()
    {
        var types = (await _store.ReadServiceTypesAsync(Cancel)).Select(type => type.Value).ToList();
        types.Sort(StringComparer.Ordinal);
        return types;
    }
}
