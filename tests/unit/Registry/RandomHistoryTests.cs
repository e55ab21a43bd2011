using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

/// <summary>Random histories against a naive model, with watchers that catch up at random moments.</summary>
public sealed class RandomHistoryTests
{
    private const int Steps = 3000;
    private const int Ids = 14;

    private readonly RegistryOptions options = new()
    {
        RemovalsRemembered = 6,
        MassExpiryMinimum = 4,
        LoadStep = 0.1,
        RecordRetention = TimeSpan.FromSeconds(30),
    };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void The_table_equals_the_model_and_every_watcher_equals_the_table(int seed)
    {
        var random = new Random(seed);
        var fixture = new TableFixture(options);
        var model = new NaiveModel(options);
        var watchers = Enumerable.Range(0, 5).Select(_ => new SimulatedWatcher()).ToList();
        for (var step = 0; step < Steps; step++)
        {
            Step(random, fixture, model);
            AssertEqual(model, fixture);
            // The later ones come seldom, so that they are far behind.
            for (var i = 0; i < watchers.Count; i++)
            {
                if (random.Next(1 + (i * i * 10)) == 0)
                {
                    CatchUp(watchers[i], random, fixture, model);
                }
            }
        }

        Assert.All(watchers, w => Assert.True(w.Differences > 0, "No differences were told."));
        Assert.True(watchers[^1].FullLists > 1, "No removal was forgotten.");
        // Coming after every step, it never lacks a removal: the first list and those for forged epochs only.
        Assert.True(
            watchers[0].FullLists < Steps / 20,
            $"{watchers[0].FullLists} whole lists for one that is always near.");
    }

    private static void Step(Random random, TableFixture fixture, NaiveModel model)
    {
        var table = fixture.Table;
        var id = Sample.Name(random.Next(Ids));
        var current = model.Entries.GetValueOrDefault(id)?.Incarnation ?? 0;
        // Mostly the current one or the next, sometimes one of long ago.
        var incarnation = Math.Max(1, current + random.Next(-1, 3));
        var load = random.Next(10) / 16.0;
        var heardAgo = TimeSpan.FromSeconds(random.Next(8) == 0 ? random.Next(20) : 0);
        switch (random.Next(20))
        {
            case < 4:
                var joining = Sample.Joining(
                    RecordOf(model, id, incarnation, random), load, random.Next(6) == 0, heardAgo);
                table.Join(joining, fixture.Now);
                model.Join(joining.Record, joining.Renewal, fixture.Now);
                break;
            case < 12:
                var renewal = Sample.Renewal(
                    id, random.Next(4) == 0 ? incarnation : Math.Max(1, current), random.Next(6) == 0, load, heardAgo);
                Assert.Equal(model.Renew(renewal, fixture.Now), table.Renew(renewal, fixture.Now));
                break;
            case < 14:
                table.Leave(WorkerId.Parse(id), incarnation);
                model.Leave(id, incarnation);
                break;
            default:
                fixture.Now += TimeSpan.FromMilliseconds(random.Next(40) == 0 ? 20_000 : random.Next(1000));
                var forgettable = table.Expire(fixture.Now);
                model.Expire(fixture.Now);
                Assert.All(forgettable, i => Assert.True(model.Entries[i.Id.Value].Lapsed));
                break;
        }
    }

    /// <summary>One incarnation has one registration: a worker's grain gives out each number once.</summary>
    private static WorkerRecord RecordOf(NaiveModel model, string id, long incarnation, Random random)
    {
        var record = Sample.Record(
            id, incarnation, TimeSpan.FromSeconds(random.Next(2, 16)), draining: random.Next(5) == 0);
        return model.Entries.TryGetValue(id, out var entry) && entry.Incarnation == incarnation
            ? record with { Registration = entry.Registration }
            : record;
    }

    private static void AssertEqual(NaiveModel model, TableFixture fixture)
    {
        Assert.Equal(TableFixture.FirstVersion + model.Changes, fixture.Version);
        Assert.Equal(model.Count(), fixture.Table.Report.Workers);
        Assert.Equal(model.Count(), fixture.Table.Report.Primary);
        Assert.Equal(
            model.Entries.Select(e => (e.Key, e.Value.Incarnation, e.Value.State, e.Value.Load)),
            fixture.All().Changes
                .OrderBy(c => c.Id.Value, StringComparer.Ordinal)
                .Select(c => (c.Id.Value, c.Incarnation, c.State, c.Load)));
    }

    private void CatchUp(SimulatedWatcher watcher, Random random, TableFixture fixture, NaiveModel model)
    {
        if (watcher.Known is { } known && random.Next(100) == 0)
        {
            watcher.Known = known with { Epoch = known.Epoch + 1 };
        }

        watcher.Catch(fixture.Table);
        Assert.Equal(
            fixture.All().Changes
                .OrderBy(c => c.Id.Value, StringComparer.Ordinal)
                .Select(c => (c.Id, c.Incarnation, c.State, c.AddedVersion, c.Version, c.Registration)),
            watcher.Copy.Values.Select(c => (c.Id, c.Incarnation, c.State, c.AddedVersion, c.Version, c.Registration)));
        // The load announced last is less than a step from the table's, and so was the one that a whole list told.
        Assert.All(watcher.Copy, c => Assert.True(
            Math.Abs(c.Value.Load - model.Entries[c.Key].Load) < 2 * options.LoadStep,
            $"{c.Key}: the watcher has load {c.Value.Load}, the table {model.Entries[c.Key].Load}."));
    }
}
