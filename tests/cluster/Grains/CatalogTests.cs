using WorkerMesh.Grains.Catalog;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class CatalogTests : IAsyncLifetime
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task Service_types_are_listed_in_order_with_each_worker_counted_once_in_the_sum()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        await mesh.Register("b", Sample.Echo);
        await mesh.Register("c");
        await mesh.Worker("b").SetDraining(true);

        var catalog = await mesh.Eventually(
            mesh.Catalog.List, c => c.Workers.Total == 3 && c.Workers.Draining == 1, "3 workers, one of them draining");

        Assert.Equal(["echo", "vision-ocr"], catalog.Services.Select(s => s.ServiceType.Value));
        Assert.Equal(new(Online: 1, 0, Draining: 1, 0), catalog.Services[0].Workers);
        Assert.Equal(new(Online: 1, 0, 0, 0), catalog.Services[1].Workers);
        Assert.Equal(new(Online: 2, 0, Draining: 1, 0), catalog.Workers);
    }

    [Fact]
    public async Task Service_types_without_workers_leave_the_catalog_and_watchers_hear_of_both()
    {
        var watcher = new NamesProbe();
        var reference = mesh.Observe<ICatalogWatcher>(watcher);
        var before = await mesh.Catalog.Watch(reference, Gateway("g"), 0);
        Assert.Empty(before!.Names);

        await mesh.Register("a", Sample.Ocr, Sample.Echo);
        var both = await mesh.Soon(watcher.Until(2), "two names", watcher.ToString);
        Assert.Equal([Sample.Echo, Sample.Ocr], both.Names);
        Assert.True(both.Version > before.Version, $"{both.Version} follows on {before.Version}.");
        Assert.Null(await mesh.Catalog.Watch(reference, Gateway("g"), both.Version));
        Assert.Equal(both.Names, (await mesh.Catalog.Watch(reference, Gateway("g"), before.Version))!.Names);

        await mesh.Register("a", Sample.Echo);
        var one = await mesh.Soon(watcher.Until(1), "one name", watcher.ToString);
        Assert.Equal([Sample.Echo], one.Names);
        await mesh.Worker("a").Unregister();
        await mesh.Soon(watcher.Until(0), "no names", watcher.ToString);
        Assert.Empty((await mesh.Catalog.List()).Services);
    }

    [Fact]
    public async Task A_watcher_that_has_gone_is_told_no_more()
    {
        var (gone, stays) = (new NamesProbe(), new NamesProbe());
        var reference = mesh.Observe<ICatalogWatcher>(gone);
        await mesh.Catalog.Watch(reference, Gateway("gone"), 0);
        await mesh.Catalog.Watch(mesh.Observe<ICatalogWatcher>(stays), Gateway("stays"), 0);
        await mesh.Catalog.Unwatch(reference, "gone");

        await mesh.Register("a", Sample.Ocr);
        await mesh.Soon(stays.Until(1), "one name", stays.ToString);

        Assert.Equal("no push", gone.ToString());
        Assert.Equal(["stays"], (await mesh.Catalog.ListGateways()).Select(g => g.Id));
    }

    [Fact]
    public async Task A_catalog_that_comes_back_knows_what_is_stored()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("b");
        await mesh.Eventually(mesh.Catalog.List, c => c.Workers.Total == 2, "2 workers");
        await mesh.Deactivate(mesh.Catalog);

        var catalog = await mesh.Catalog.List();

        Assert.Equal(["vision-ocr"], catalog.Services.Select(s => s.ServiceType.Value));
        Assert.Equal(2, catalog.Workers.Online);
    }

    [Fact]
    public async Task Counts_follow_leases_that_run_out()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Advance(Sample.Lease, Step);

        var catalog = await mesh.Eventually(mesh.Catalog.List, c => c.Workers.Offline == 1, "one offline worker");

        Assert.Equal(new(0, 0, 0, Offline: 1), Assert.Single(catalog.Services).Workers);
    }

    [Fact]
    public async Task Counts_are_told_now_and_then_and_not_with_each_change()
    {
        var watcher = new NamesProbe();
        await mesh.Catalog.Watch(mesh.Observe<ICatalogWatcher>(watcher), Gateway("g"), 0);
        await mesh.Register("a", Sample.Ocr);
        await mesh.Soon(watcher.Until(1), "one name", watcher.ToString);

        await mesh.Register("b", Sample.Ocr);
        await mesh.Advance(TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(20));
        Assert.Equal(1, (await mesh.Catalog.List()).Workers.Total);

        await mesh.Eventually(mesh.Catalog.List, c => c.Workers.Total == 2, "2 workers");
    }

    [Fact]
    public async Task Counts_that_were_told_while_others_were_waited_for_are_not_undone()
    {
        await mesh.Register("a", Sample.Echo);
        await mesh.Register("slow", Sample.Ocr);
        await mesh.Eventually(mesh.Catalog.List, c => c.Workers.Total == 2, "2 workers");
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        Task awakening;
        using (var hold = mesh.Store.Hold(StoreOperation.ReadPage))
        {
            awakening = mesh.Catalog.Awaken();
            await hold.Entered;
            await mesh.Worker("a").SetDraining(true);
            await mesh.Eventually(mesh.Catalog.List, c => c.Workers.Draining == 1, "one draining worker");
        }

        await awakening;
        Assert.Equal(1, (await mesh.Catalog.List()).Workers.Draining);
    }

    [Fact]
    public async Task Gateways_are_listed_until_they_have_been_silent_for_their_lease()
    {
        var watcher = mesh.Observe<ICatalogWatcher>(new NamesProbe());
        await mesh.Catalog.Watch(watcher, Gateway("silent"), 0);
        await mesh.Catalog.Watch(watcher, Gateway("beats"), 0);
        Assert.Equal(["beats", "silent"], (await mesh.Catalog.ListGateways()).Select(g => g.Id));

        await mesh.Advance(IServiceCatalogGrain.GatewayLease, Step);
        Assert.Equal(2, (await mesh.Catalog.ListGateways()).Length);
        await mesh.Catalog.Watch(watcher, Gateway("beats"), 0);
        await mesh.Advance(Step);

        var left = Assert.Single(await mesh.Catalog.ListGateways());
        Assert.Equal(Gateway("beats").Addresses, left.Addresses.AsEnumerable());
        Assert.Equal(("beats", "host", "rack-a"), (left.Id, left.Host, left.Zone));
    }

    private static GatewayInfo Gateway(string id) =>
        new(id, "host", ["http://10.0.0.1:8080"], "rack-a", DateTimeOffset.UnixEpoch);

    private sealed class NamesProbe : ICatalogWatcher
    {
        private readonly Lock gate = new();
        private CatalogNames? last;
        private (int Count, TaskCompletionSource<CatalogNames> Met)? waiting;

        public Task OnNames(CatalogNames names)
        {
            lock (gate)
            {
                last = names;
                if (waiting is { } w && w.Count == names.Names.Length)
                {
                    w.Met.TrySetResult(names);
                }
            }

            return Task.CompletedTask;
        }

        /// <summary>The push after which there are so many names.</summary>
        public Task<CatalogNames> Until(int count)
        {
            lock (gate)
            {
                waiting = (count, new(TaskCreationOptions.RunContinuationsAsynchronously));
                if (last is { } names && names.Names.Length == count)
                {
                    waiting.Value.Met.SetResult(names);
                }

                return waiting.Value.Met.Task;
            }
        }

        public override string ToString() => last is { } names ? string.Join(", ", names.Names) : "no push";
    }
}
