using System.Collections.Immutable;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>Workers that are there already get their share of a silo that joins, and nothing is forgotten on the way.</summary>
public sealed class RebalancingTests : IAsyncLifetime
{
    private const int Workers = 120;
    private static readonly TimeSpan Quiet = new RegistryOptions().RebalanceDelay;
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync()
    {
        mesh = await MeshFixture.Start(silos: 1);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(i => mesh.Worker(Name(i)).Register(
            Sample.Registration(Name(i), Sample.Ocr) with { Lease = TimeSpan.FromMinutes(30) }, Guid.NewGuid(), null)));
    }

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task A_silo_that_joins_gets_its_share_of_the_workers_and_they_stay_what_they_were()
    {
        var operation = Guid.NewGuid();
        var replaced = Sample.Registration(Name(0), Sample.Ocr) with { Lease = TimeSpan.FromMinutes(20) };
        await mesh.Worker(Name(0)).Register(replaced, operation, null);
        await mesh.Worker(Name(0)).Register(replaced with { Weight = 2 }, Guid.NewGuid(), null);
        await BeatAll(0.3);
        await mesh.Worker(Name(1)).SetDraining(true, null);
        var before = await DescribeAll();
        var reads = mesh.Store.Calls(StoreOperation.Read);

        await mesh.AddSilo();
        await mesh.Advance(Quiet / 2, Step);
        Assert.Single((await HomesAsync()).Values.Distinct());
        await Settled();

        var homes = await HomesAsync();
        Assert.Equal(Workers, homes.Count);
        Assert.All(homes.Values.CountBy(silo => silo), share => Assert.InRange(share.Value, Workers / 4, Workers * 3 / 4));
        var after = await DescribeAll();
        foreach (var (was, now) in before.Zip(after))
        {
            Assert.Equal(
                (was.Record.Id, was.Record.Incarnation, was.Record.OperationId, was.Record.RegisteredAt, was.State, was.Load, was.Counters),
                (now.Record.Id, now.Record.Incarnation, now.Record.OperationId, now.Record.RegisteredAt, now.State, now.Load, now.Counters));
            Assert.True(now.HeardAgo - was.HeardAgo > Quiet, was.Record.Id.Value);
        }

        // The registration before the last, again: it is remembered that it was answered.
        Assert.Equal(
            RegisterOutcome.Superseded, (await mesh.Worker(Name(0)).Register(replaced, operation, null)).Outcome);
        Assert.Equal(reads, mesh.Store.Calls(StoreOperation.Read));

        // Where they have come to is where they would come to by themselves: nothing is left to move.
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(i => mesh.Deactivate(mesh.Worker(Name(i)))));
        await DescribeAll();
        Assert.Equal(homes, await HomesAsync());
    }

    [Fact]
    public async Task Their_leases_are_renewed_while_they_move_and_the_registry_loses_none()
    {
        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.AddSilo();
        for (var i = 1; (await HomesAsync()).Values.Distinct().Count() < 2 || i < 50; i++)
        {
            Assert.True(i < 500, "Nothing moved.");
            await mesh.Advance(Step, Step / 4);
            Assert.All(await BeatAll(i % 10 / 10.0), answer => Assert.Equal(
                (HeartbeatOutcome.Renewed, 1L), (answer.Outcome, answer.Incarnation)));
        }

        await BeatAll(0.9);
        await mesh.Soon(watcher, "the last load of all", w => Enumerable.Range(0, Workers).All(i => w[Name(i)]!.Load.Equals(0.9)));
        Assert.Equal(Workers, watcher.CountIn(WorkerState.Online));
    }

    [Fact]
    public async Task One_whose_registration_waits_for_the_store_moves_after_it()
    {
        await mesh.AddSilo();
        var register = new List<Task<RegisterAnswer>>();
        using (var hold = mesh.Store.Hold(StoreOperation.Save))
        {
            register.AddRange(Enumerable.Range(0, Workers).Select(i => mesh.Register(Name(i), Sample.Ocr)));
            await hold.Entered;
            await mesh.Advance(Quiet + TimeSpan.FromSeconds(15), Step);
        }

        Assert.All(await Task.WhenAll(register), answer => Assert.Equal(2, answer.Record.Incarnation));
        await Settled();
        Assert.All(await DescribeAll(), described => Assert.Equal(2, described.Record.Incarnation));
    }

    private static string Name(int i) => $"w{i}";

    /// <summary>Both silos have workers, and for many times the pause between moves none has moved.</summary>
    private async Task Settled()
    {
        SortedDictionary<string, SiloAddress>? before = null;
        for (var i = 0; i < 100; i++)
        {
            var homes = await HomesAsync();
            if (before is not null && before.SequenceEqual(homes) && homes.Values.Distinct().Count() == 2)
            {
                return;
            }

            before = homes;
            await mesh.Advance(TimeSpan.FromSeconds(5), Step / 4);
        }

        Assert.Fail("The workers did not come to rest on both silos.");
    }

    private Task<SortedDictionary<string, SiloAddress>> HomesAsync() => mesh.HomesOf(mesh.Worker("any"));

    private Task<HeartbeatAnswer[]> BeatAll(double load) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(i => mesh.Worker(Name(i)).Heartbeat(new() { CurrentLoad = load })));

    private async Task<ImmutableArray<WorkerDescription>> DescribeAll() =>
        [.. (await Task.WhenAll(Enumerable.Range(0, Workers).Select(i => mesh.Worker(Name(i)).Describe())))!];
}
