using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Storage;

/// <summary>What <see cref="IWorkerStore"/> promises about single workers, for every implementation.</summary>
public abstract class WorkerStoreTests(StoreSource source) : IAsyncLifetime
{
    private static readonly WorkerId Ocr = WorkerId.Parse("ocr-1");

    private IWorkerStore _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _store = await source.OpenAsync(Cancel);

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return source.DisposeAsync();
    }

    [Fact]
    public async Task An_empty_store_knows_nobody_and_starts_at_the_floor_0()
    {
        Assert.Equal(new StoredWorker(null, 0), await _store.ReadAsync(Ocr, Cancel));
        Assert.Empty(await _store.ReadPageAsync(new WorkerPage(10), Cancel));
        Assert.Empty(await _store.ReadServiceTypesAsync(Cancel));
    }

    [Fact]
    public async Task Readings_of_32_000_workers_that_come_at_one_moment_are_all_answered()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("w-31999"), Cancel));

        var read = await Task.WhenAll(Enumerable.Range(0, 32_000).Select(n => _store.ReadAsync(WorkerId.Parse($"w-{n}"), Cancel)));

        Assert.Equal(31_999, Assert.Single(Enumerable.Range(0, read.Length), n => read[n].Record is not null));
    }

    [Fact]
    public async Task Every_field_comes_back_as_it_was_saved()
    {
        var record = new WorkerRecord(
            Ocr,
            long.MaxValue - 1,
            new Registration
            {
                Urls = ["http://10.0.0.1:8104/a?b=%20c", "https://[::1]/ü\"\\"],
                Services = [ServiceType.ParseKey("vision-ocr"), ServiceType.ParseKey("Echo.2_x")],
                Capabilities = """{"gpu": true, "lang": ["en", "fr"]}""",
                Zone = "rack-a",
                Weight = 1000,
                MaxConcurrency = 4,
                Lease = TimeSpan.FromTicks(25_000_001),
                Health = new HealthCheck
                {
                    Path = "/health?x=1",
                    Interval = TimeSpan.FromMilliseconds(1500.5),
                    Timeout = TimeSpan.FromMilliseconds(250),
                },
            },
            Draining: true,
            Guid.NewGuid(),
            Replaced: true,
            new DateTimeOffset(2026, 12, 31, 23, 59, 59, TimeSpan.Zero).AddTicks(9_999_999));

        Assert.True(await _store.SaveAsync(record, Cancel));

        Sample.AssertSame(record, (await _store.ReadAsync(Ocr, Cancel)).Record);
        Sample.AssertSame(record, Assert.Single(await _store.ReadPageAsync(new WorkerPage(10), Cancel)));
    }

    [Fact]
    public async Task Optional_fields_come_back_absent()
    {
        var record = Sample.Record("ocr-1", services: []);

        Assert.True(await _store.SaveAsync(record, Cancel));

        Sample.AssertSame(record, (await _store.ReadAsync(Ocr, Cancel)).Record);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"nul": "\u0000", "lone": "\ud800", "other": "\uDFFF\u00e9"}""")]
    [InlineData("""{ "spaces" :  [ 1.0, 1e3, -0 ] ,"twice":1,"twice":2 }""")]
    [InlineData("{\n\t\"raw\": \"é € 😀 \u2028 <&>'+\"\r\n}")]
    [InlineData("""{"quoted": "a\"b\\c\/d"}""")]
    public async Task Capabilities_are_kept_byte_for_byte(string capabilities)
    {
        var record = Sample.Record("ocr-1");
        record = record with { Registration = record.Registration with { Capabilities = capabilities } };

        Assert.True(await _store.SaveAsync(record, Cancel));

        Assert.Equal(capabilities, (await _store.ReadAsync(Ocr, Cancel)).Record?.Registration.Capabilities);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public async Task A_save_does_not_replace_the_same_or_a_higher_incarnation(long incarnation)
    {
        var stored = Sample.Record("ocr-1", 5, ["echo"]);
        Assert.True(await _store.SaveAsync(stored, Cancel));

        Assert.False(await _store.SaveAsync(Sample.Record("ocr-1", incarnation, ["other"]), Cancel));

        Sample.AssertSame(stored, (await _store.ReadAsync(Ocr, Cancel)).Record);
        Assert.Equal(["ocr-1"], await _store.IdsAsync("echo"));
        Assert.Empty(await _store.IdsAsync("other"));
    }

    [Fact]
    public async Task A_save_replaces_a_lower_incarnation_with_all_its_fields_and_services()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("ocr-1", 5, ["a", "b"], "rack-a"), Cancel));
        var next = Sample.Record("ocr-1", 7, ["b", "c"]) with { Draining = true, Replaced = true };

        Assert.True(await _store.SaveAsync(next, Cancel));

        Sample.AssertSame(next, (await _store.ReadAsync(Ocr, Cancel)).Record);
        Assert.Empty(await _store.IdsAsync("a"));
        Assert.Equal(["ocr-1"], await _store.IdsAsync("b"));
        Assert.Equal(["ocr-1"], await _store.IdsAsync("c"));
        Assert.Empty(await _store.IdsAsync(zone: "rack-a"));
    }

    [Fact]
    public async Task A_repeated_save_of_the_same_operation_succeeds_and_changes_nothing()
    {
        var record = Sample.Record("ocr-1", 5);
        Assert.True(await _store.SaveAsync(record, Cancel));
        Assert.True(await _store.SetDrainingAsync(Ocr, 5, true, Cancel));

        Assert.True(await _store.SaveAsync(record, Cancel));

        Sample.AssertSame(record with { Draining = true }, (await _store.ReadAsync(Ocr, Cancel)).Record);
        Assert.False(await _store.SaveAsync(record with { Incarnation = 4 }, Cancel));
        Assert.False(await _store.SaveAsync(record with { OperationId = Guid.NewGuid() }, Cancel));
    }

    [Fact]
    public async Task Draining_is_set_and_cleared_for_exactly_the_stored_incarnation()
    {
        Assert.False(await _store.SetDrainingAsync(Ocr, 5, true, Cancel));
        var record = Sample.Record("ocr-1", 5);
        Assert.True(await _store.SaveAsync(record, Cancel));

        Assert.False(await _store.SetDrainingAsync(Ocr, 4, true, Cancel));
        Assert.False(await _store.SetDrainingAsync(Ocr, 6, true, Cancel));
        Sample.AssertSame(record, (await _store.ReadAsync(Ocr, Cancel)).Record);
        Assert.True(await _store.SetDrainingAsync(Ocr, 5, true, Cancel));
        Sample.AssertSame(record with { Draining = true }, (await _store.ReadAsync(Ocr, Cancel)).Record);
        Assert.True(await _store.SetDrainingAsync(Ocr, 5, false, Cancel));
        Sample.AssertSame(record, (await _store.ReadAsync(Ocr, Cancel)).Record);
    }

    [Fact]
    public async Task A_removal_takes_its_incarnation_and_lower_ones_and_raises_the_floor_for_all()
    {
        Assert.False(await _store.RemoveAsync(Ocr, 9, Cancel));
        Assert.True(await _store.SaveAsync(Sample.Record("ocr-1", 5, ["a", "b"]), Cancel));
        Assert.True(await _store.SaveAsync(Sample.Record("ocr-2", 2), Cancel));
        Assert.True(await _store.SaveAsync(Sample.Record("ocr-3", 3), Cancel));

        Assert.False(await _store.RemoveAsync(Ocr, 4, Cancel));
        Assert.True(await _store.RemoveAsync(Ocr, 5, Cancel));
        Assert.False(await _store.RemoveAsync(Ocr, 5, Cancel));
        Assert.True(await _store.RemoveAsync(WorkerId.Parse("ocr-2"), 8, Cancel));

        // 6 and not 8: the floor is what was stored and removed, not what was asked for, and rises with each removal.
        Assert.Equal(new StoredWorker(null, 6), await _store.ReadAsync(Ocr, Cancel));
        Assert.Equal(6, (await _store.ReadAsync(WorkerId.Parse("ocr-3"), Cancel)).IncarnationFloor);
        Assert.Empty(await _store.IdsAsync("a"));
        Assert.Equal(["ocr-3"], await _store.IdsAsync());
    }

    [Fact]
    public async Task What_is_added_replaces_nothing_and_is_not_added_again_after_it_was_removed()
    {
        await RaiseFloorAsync(9);
        var record = Sample.Record("ocr-1", 10, ["a"]);

        Assert.True(await _store.AddAsync(record, Cancel));
        // The answer may have been lost.
        Assert.True(await _store.AddAsync(record, Cancel));
        Assert.False(await _store.AddAsync(record with { OperationId = Guid.NewGuid() }, Cancel));
        Assert.False(await _store.AddAsync(Sample.Record("ocr-1", 11, ["b"]), Cancel));
        Sample.AssertSame(record, (await _store.ReadAsync(Ocr, Cancel)).Record);
        Assert.Empty(await _store.IdsAsync("b"));

        Assert.True(await _store.RemoveAsync(Ocr, 10, Cancel));
        Assert.False(await _store.AddAsync(record, Cancel));
        Assert.False(await _store.AddAsync(Sample.Record("ocr-2", 10), Cancel));
        Assert.True(await _store.AddAsync(Sample.Record("ocr-2", 11), Cancel));
    }

    [Fact]
    public async Task Of_many_that_are_added_in_one_call_each_has_its_own_answer()
    {
        await RaiseFloorAsync(3);
        var known = Sample.Record("known", 4, ["a"]);
        Assert.True(await _store.SaveAsync(known, Cancel));
        WorkerRecord[] records =
        [
            Sample.Record("new-1", 4, ["a", "b"]),
            Sample.Record("known", 5, ["late"]),
            Sample.Record("low", 3, ["late"]),
            // The answer may have been lost.
            known,
            Sample.Record("twice", 4, ["a"]),
            Sample.Record("twice", 5, ["late"]),
            Sample.Record("new-2", 7),
        ];

        Assert.Equal([true, false, false, true, true, false, true], await _store.AddAllAsync(records, Cancel));

        Assert.Empty(await _store.AddAllAsync([], Cancel));
        Assert.Empty(await _store.IdsAsync("late"));
        Assert.Equal(["known", "new-1", "twice"], await _store.IdsAsync("a"));
        Sample.AssertSame(records[0], (await _store.ReadAsync(WorkerId.Parse("new-1"), Cancel)).Record);
        Sample.AssertSame(known, (await _store.ReadAsync(known.Id, Cancel)).Record);
    }

    [Fact]
    public async Task What_was_to_be_added_while_an_older_incarnation_was_stored_is_not_after_its_removal()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("ocr-1", 3), Cancel));
        await RaiseFloorAsync(9);
        var late = Sample.Record("ocr-1", 10);

        Assert.False(await _store.AddAsync(late, Cancel));
        Assert.True(await _store.RemoveAsync(Ocr, 3, Cancel));
        Assert.False(await _store.AddAsync(late, Cancel));
        Assert.Equal(new StoredWorker(null, 10), await _store.ReadAsync(Ocr, Cancel));
    }

    [Fact]
    public async Task A_new_id_starts_above_the_floor_and_a_stored_one_need_not()
    {
        Assert.True(await _store.SaveAsync(Sample.Record("old", 2), Cancel));
        Assert.True(await _store.SaveAsync(Sample.Record("ocr-1", 5), Cancel));
        Assert.True(await _store.RemoveAsync(Ocr, 5, Cancel));

        Assert.False(await _store.SaveAsync(Sample.Record("ocr-1", 5), Cancel));
        Assert.False(await _store.SaveAsync(Sample.Record("new", 5), Cancel));
        Assert.True(await _store.SaveAsync(Sample.Record("ocr-1", 6), Cancel));
        Assert.True(await _store.SaveAsync(Sample.Record("old", 3), Cancel));
        Assert.Equal(["ocr-1", "old"], await _store.IdsAsync());
    }

    /// <summary>Another worker came, with this incarnation, and went.</summary>
    private async Task RaiseFloorAsync(long incarnation)
    {
        Assert.True(await _store.SaveAsync(Sample.Record("high", incarnation), Cancel));
        Assert.True(await _store.RemoveAsync(WorkerId.Parse("high"), incarnation, Cancel));
    }
}
