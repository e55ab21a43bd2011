using System.Collections.Concurrent;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Storage;

/// <summary>What <see cref="IWorkerStore"/> promises about concurrent writes, for every implementation.</summary>
public abstract class WorkerStoreRaceTests(StoreSource source) : IAsyncLifetime
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
    public async Task A_save_that_races_with_the_removal_of_its_incarnation_never_comes_in_after_it()
    {
        var other = await source.OpenAsync(Cancel);
        for (var round = 1; round <= 60; round++)
        {
            var ids = Enumerable.Range(0, 8).Select(i => WorkerId.Parse($"w{round}-{i}")).ToArray();
            // Each removal raises the floor.
            var incarnation = round * 10;
            await Task.WhenAll(ids.Select(id => _store.SaveAsync(Sample.Record(id.Value, incarnation), Cancel)));

            var saves = ids.Select(id => other.SaveAsync(Sample.Record(id.Value, incarnation, ["late"]), Cancel)).ToArray();
            var removals = ids.Select(id => _store.RemoveAsync(id, incarnation, Cancel)).ToArray();

            Assert.All(await Task.WhenAll(removals), Assert.True);
            Assert.All(await Task.WhenAll(saves), Assert.False);
        }

        Assert.Empty(await _store.IdsAsync());
        Assert.Empty(await _store.IdsAsync("late"));
    }

    [Fact]
    public async Task First_registrations_that_race_leave_the_highest_one_with_only_its_own_services()
    {
        var other = await source.OpenAsync(Cancel);
        for (var round = 0; round < 60; round++)
        {
            var id = $"w{round}";
            var low = other.SaveAsync(Sample.Record(id, 1, ["low", "both"]), Cancel);
            var high = _store.SaveAsync(Sample.Record(id, 2, ["high", "both"]), Cancel);

            Assert.True(await high);
            await low;
        }

        Assert.Empty(await _store.IdsAsync("low"));
        Assert.Equal(60, (await _store.IdsAsync("high")).Count);
        Assert.Equal(60, (await _store.IdsAsync("both")).Count);
    }

    [Fact]
    public async Task What_is_added_with_others_is_answered_as_if_it_were_alone()
    {
        var other = await source.OpenAsync(Cancel);
        var earlier = Sample.Record("earlier", 4, ["echo"]);
        await _store.SaveAsync(earlier, Cancel);
        await _store.SaveAsync(Sample.Record("removed", 3), Cancel);
        await _store.RemoveAsync(WorkerId.Parse("removed"), 3, Cancel);
        for (var round = 0; round < 30; round++)
        {
            // The first is alone; the others queue up behind it.
            var added = Enumerable.Range(0, 20).Select(i =>
                (i % 2 == 0 ? _store : other).AddAsync(Sample.Record($"w{round}-{i}", 4, ["a", $"b{i}"], i % 3 == 0 ? "rack" : null), Cancel)).ToList();
            Task<bool>[] refused =
            [
                _store.AddAsync(Sample.Record("earlier", 5, ["late"]), Cancel),
                _store.AddAsync(Sample.Record($"low{round}", 3, ["late"]), Cancel),
                _store.AddAsync(Sample.Record($"w{round}-0", 5, ["late"]), Cancel),
            ];
            var again = _store.AddAsync(earlier, Cancel);
            var drained = _store.SetDrainingAsync(WorkerId.Parse($"w{round}-2"), 4, true, Cancel);

            Assert.All(await Task.WhenAll(added), Assert.True);
            Assert.All(await Task.WhenAll(refused), Assert.False);
            Assert.True(await again);
            Assert.True(await drained);
        }

        Assert.Empty(await _store.IdsAsync("late"));
        Assert.Equal(30 * 20, (await _store.IdsAsync("a")).Count);
        Assert.Equal(30, (await _store.IdsAsync("b7")).Count);
        Assert.Equal(30 * 7, (await _store.IdsAsync(zone: "rack")).Count);
        Sample.AssertSame(earlier, (await _store.ReadAsync(earlier.Id, Cancel)).Record);
    }

    [Fact]
    public async Task Calls_take_effect_in_their_order()
    {
        var ocr = WorkerId.Parse("ocr-1");
        await _store.SaveAsync(Sample.Record("ocr-1", 1), Cancel);
        var calls = new List<Task<bool>>();
        for (var i = 1; i <= 300; i++)
        {
            calls.Add(_store.SetDrainingAsync(ocr, i, i % 2 == 0, Cancel));
            calls.Add(_store.RemoveAsync(ocr, i, Cancel));
            calls.Add(_store.SaveAsync(Sample.Record("ocr-1", i + 1), Cancel));
        }

        Assert.All(await Task.WhenAll(calls), Assert.True);
        var stored = await _store.ReadAsync(ocr, Cancel);
        Assert.Equal((301, 300), (stored.Record!.Incarnation, stored.IncarnationFloor));
    }

    [Fact]
    public async Task Everything_that_64_concurrent_writers_were_acknowledged_is_there()
    {
        var acknowledged = new ConcurrentDictionary<string, WorkerRecord>();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async writer =>
        {
            for (var i = 1; i <= 40; i++)
            {
                var record = Sample.Record($"w{writer}-{i % 4}", i, [$"s{i % 3}"]);
                Assert.True(await _store.SaveAsync(record, Cancel));
                acknowledged[record.Id.Value] = record;
            }
        }));

        Assert.Equal(256, acknowledged.Count);
        await Task.WhenAll(acknowledged.Values.Select(async record =>
            Sample.AssertSame(record, (await _store.ReadAsync(record.Id, Cancel)).Record)));
        Assert.Equal(256, (await _store.IdsAsync()).Count);
    }
}
