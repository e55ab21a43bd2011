using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

public sealed class WatchTests : IAsyncLifetime
{
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task Watchers_are_pushed_changes_each_from_where_the_last_ended()
    {
        var watchers = new[] { await mesh.Watch(Sample.Ocr), await mesh.Watch(Sample.Ocr) };
        Assert.All(watchers, w => Assert.True(w.First.IsFull));

        for (var i = 1; i <= 5; i++)
        {
            await mesh.Register($"w{i}", Sample.Ocr);
            foreach (var watcher in watchers)
            {
                await mesh.Soon(watcher, $"{i} workers", w => w.Count == i);
            }
        }

        await mesh.Worker("w3").Unregister();
        foreach (var watcher in watchers)
        {
            await mesh.Soon(watcher, "one removed", w => w.Count == 4);
            AssertContiguous(watcher);
        }

        Assert.Equal((await mesh.List(Sample.Ocr)).To, watchers[0].Known.Version);
    }

    [Fact]
    public async Task The_first_change_is_pushed_at_once_and_those_that_follow_soon_together()
    {
        var watcher = await mesh.Watch(Sample.Ocr);

        // The clock stands still meanwhile.
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => mesh.Register($"w{i}", Sample.Ocr)));
        await mesh.Soon(watcher, "50 workers", w => w.Count == 50);

        Assert.Equal([1, 49], watcher.Pushes.Select(push => push.Changes.Length));
    }

    [Fact]
    public async Task A_watch_from_a_version_is_answered_with_the_changes_since_it()
    {
        await mesh.Register("a", Sample.Ocr);
        await mesh.Register("b", Sample.Ocr);
        var known = (await mesh.Register("c", Sample.Ocr)).Versions[0];
        await mesh.Worker("b").SetDraining(true);
        await mesh.Worker("c").Unregister();

        var first = (await mesh.Watch(Sample.Ocr, known)).First;

        Assert.Equal(known.Version, first.From);
        Assert.Equal(["b", "c"], first.Changes.Select(c => c.Id.Value));
        Assert.Equal([false, true], first.Changes.Select(c => c.Removed));
        Assert.Null(first.Changes[0].Registration);
    }

    [Fact]
    public async Task A_watch_from_before_a_reactivation_gets_the_whole_list_with_a_higher_version()
    {
        await mesh.Register("a", Sample.Ocr);
        var known = (await mesh.Register("b", Sample.Ocr)).Versions[0];
        await mesh.Advance(TimeSpan.FromSeconds(1));
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));

        var first = (await mesh.Watch(Sample.Ocr, known)).First;

        Assert.True(first.IsFull);
        Assert.Equal(["a", "b"], first.Changes.Select(c => c.Id.Value).Order(StringComparer.Ordinal));
        Assert.NotEqual(known.Epoch, first.Epoch);
        Assert.True(first.To > known.Version, $"{first.To} follows on {known.Version}.");
    }

    [Fact]
    public async Task A_watcher_that_has_unsubscribed_is_told_no_more()
    {
        var gone = new WatcherProbe();
        var reference = mesh.Observe<IRegistryWatcher>(gone);
        gone.Begin(await mesh.Registry(Sample.Ocr).Watch(reference, null));
        var stays = await mesh.Watch(Sample.Ocr);
        await mesh.Registry(Sample.Ocr).Unwatch(reference);

        await mesh.Register("a", Sample.Ocr);
        await mesh.Soon(stays, "the worker", w => w.Count == 1);

        Assert.Empty(gone.Pushes);
    }

    [Fact]
    public async Task A_subscription_that_is_not_renewed_ends()
    {
        var forgotten = await mesh.Watch(Sample.Ocr);
        await mesh.Advance(TimeSpan.FromSeconds(31));
        var renewed = await mesh.Watch(Sample.Ocr);

        await mesh.Register("a", Sample.Ocr);
        await mesh.Soon(renewed, "the worker", w => w.Count == 1);
        await mesh.Worker("a").SetDraining(true);
        await mesh.Soon(renewed, "the drain", w => w["a"]!.State == WorkerState.Draining);

        Assert.Empty(forgotten.Pushes);
    }

    private static void AssertContiguous(WatcherProbe watcher)
    {
        var version = watcher.First.To;
        foreach (var push in watcher.Pushes)
        {
            Assert.Equal((version, watcher.First.Epoch), (push.From, push.Epoch));
            Assert.True(push.To > push.From, $"A push from {push.From} to {push.To}.");
            version = push.To;
        }
    }
}
