using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>What a silo tells its own registries without a call, and who follows them in its process.</summary>
public sealed class LocalRegistriesTests : IAsyncLifetime
{
    private MeshFixture mesh = null!;
    private LocalRegistries registries = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        mesh = await MeshFixture.Start(silos: 1, alone: true);
        registries = mesh.Services.GetRequiredService<LocalRegistries>();
    }

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_registry_that_was_called_is_told_and_shows_it()
    {
        Assert.Null(registries.TryTell(Sample.Ocr, () => Joins("a", 1)));
        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        var watcher = await mesh.Watch(Sample.Ocr);

        var joined = registries.TryTell(Sample.Ocr, () => Joins("a", 1));
        await mesh.Soon(watcher, "a joins", w => w.Count == 1);
        Assert.Equal(watcher.Known, joined);
        var renewed = registries.TryRenew(Sample.Ocr, [Renewal("a", 1) with { Load = 0.7 }, Renewal("nobody", 1)]);
        await mesh.Soon(watcher, "a is busy", w => w["a"]?.Load == 0.7);
        Assert.Equal(["nobody"], renewed!.Unknown.Select(id => id.Value));
        registries.TryTell(Sample.Ocr, () => new(WorkerId.Parse("a"), 1, null));
        await mesh.Soon(watcher, "a leaves", w => w.Count == 0);
    }

    [Fact]
    public async Task It_is_called_again_before_it_is_taken_for_idle_and_after_it_has_left_memory()
    {
        await mesh.List(Sample.Ocr);

        // Still empty, for the catalog does not know of it then, and nobody else calls it.
        await mesh.Advance(TimeSpan.FromSeconds(59));
        Assert.NotNull(registries.TryRenew(Sample.Ocr, [Renewal("a", 1)]));
        await mesh.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(registries.TryRenew(Sample.Ocr, [Renewal("a", 1)]));
        Assert.Null(registries.TryTell(Sample.Ocr, () => Joins("a", 1)));

        Assert.Empty((await mesh.List(Sample.Ocr)).Changes);
        Assert.NotNull(registries.TryTell(Sample.Ocr, () => Joins("a", 1)));
        Assert.Equal(["a"], (await mesh.List(Sample.Ocr)).Changes.Select(c => c.Id.Value));
        await mesh.Deactivate(mesh.Registry(Sample.Ocr));
        Assert.Null(registries.TryTell(Sample.Ocr, () => Joins("b", 1)));
    }

    [Fact]
    public async Task Deadlines_that_it_is_told_of_are_kept()
    {
        var watcher = await mesh.Watch(Sample.Ocr);

        // From a thread that runs no turn of the grain.
        await Task.Run(() => registries.TryTell(Sample.Ocr, () => Joins("a", 1)), Cancellation);
        await mesh.Soon(watcher, "a joins", w => w.Count == 1);
        await mesh.Advance(Sample.Lease, TimeSpan.FromSeconds(1));
        await mesh.Soon(watcher, "the lease of a has run out", w => w["a"]?.State == WorkerState.Offline);
        await mesh.Eventually(
            async () => (await mesh.Catalog.List()).Services.Single(s => s.ServiceType == Sample.Ocr).Workers.Offline,
            offline => offline == 1,
            "the catalog knows");
    }

    [Fact]
    public async Task Many_threads_and_calls_at_once_lose_nothing_and_the_follower_hears_all_of_it_in_order()
    {
        const int threads = 4, each = 500;
        var follower = new Follower();
        registries.Follower = follower;
        var begun = await mesh.List(Sample.Ocr);
        var done = false;
        var moving = Move();

        await Task.WhenAll(Enumerable.Range(0, threads).Select(thread => Task.Run(() => Tell(thread), Cancellation)));

        var list = await mesh.List(Sample.Ocr);
        await mesh.Eventually(() => Task.FromResult(follower.Heard.Last().To), to => to == list.To, $"{list.To}");
        Volatile.Write(ref done, true);
        await moving;
        Assert.Equal(threads * each / 2, list.Changes.Length);
        Assert.Equal(
            follower.Heard.Select(c => c.From),
            follower.Heard.Select(c => c.To).Prepend(begun.To).SkipLast(1));
        var shown = new Dictionary<WorkerId, double>();
        foreach (var change in follower.Heard.SelectMany(c => c.Changes))
        {
            shown.Remove(change.Id);
            if (!change.Removed)
            {
                shown.Add(change.Id, change.Load);
            }
        }

        Assert.Equal(list.Changes.Select(c => (c.Id, c.Load)).Order(), shown.Select(s => (s.Key, s.Value)).Order());

        async Task Tell(int thread)
        {
            for (var i = 0; i < each; i++)
            {
                var id = $"{thread}-{i}";
                var change = Joins(id, 1);
                _ = i % 5 == 0
                    ? await mesh.Registry(Sample.Ocr).JoinOrLeave([change])
                    : registries.TryTell(Sample.Ocr, () => change)!.Value;
                if (i % 3 == 0)
                {
                    Assert.Empty(registries.TryRenew(Sample.Ocr, [Renewal(id, 1) with { Load = 0.9 }])!.Unknown);
                }

                if (i % 2 == 0)
                {
                    registries.TryTell(Sample.Ocr, () => new(WorkerId.Parse(id), 1, null));
                }
            }
        }

        async Task Move()
        {
            while (!Volatile.Read(ref done))
            {
                await mesh.Advance(TimeSpan.FromMilliseconds(7));
            }
        }
    }

    private static MembershipChange Joins(string id, long incarnation) => new(
        WorkerId.Parse(id),
        incarnation,
        new(Sample.Record(id, incarnation, Sample.Ocr), Renewal(id, incarnation)));

    private static Renewal Renewal(string id, long incarnation) => new(WorkerId.Parse(id), incarnation, false, 0, 0, TimeSpan.Zero);

    private sealed class Follower : IRegistryFollower
    {
        public ConcurrentQueue<InstanceChanges> Heard { get; } = new();

        public bool Follows(ServiceType serviceType) => serviceType == Sample.Ocr;

        public void OnChanges(InstanceChanges changes) => Heard.Enqueue(changes);
    }
}
