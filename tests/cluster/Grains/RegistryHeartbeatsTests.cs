using Microsoft.Extensions.DependencyInjection;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>
/// Workers that were stored, and are in no silo's memory but their registries', when the store goes: registered just before.
/// </summary>
public sealed class RegistryHeartbeatsTests : IAsyncLifetime
{
    private MeshFixture mesh = null!;

    private static TimeSpan MostOfLease => Sample.Lease * 0.8;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task Their_leases_are_renewed_where_their_registries_are()
    {
        await Add("a", Sample.Ocr, Sample.Echo);
        await Add("b", Sample.Ocr);
        mesh.Store.Unavailable = true;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => mesh.Worker("a").Heartbeat(new()));

        for (var i = 1; i <= 3; i++)
        {
            await mesh.Advance(MostOfLease);
            var answer = Assert.Single(await Renew(("a", new() { Incarnation = 1, CurrentLoad = i / 4.0 })));
            Assert.Equal(
                (HeartbeatOutcome.Renewed, 1L, WorkerState.Online, Sample.Lease),
                (answer!.Outcome, answer.Incarnation, answer.State, answer.Lease));
            foreach (var service in (ServiceType[])[Sample.Ocr, Sample.Echo])
            {
                var a = Assert.Single((await mesh.List(service)).Changes, change => change.Id.Value == "a");
                Assert.Equal((WorkerState.Online, i / 4.0), (a.State, a.Load));
            }
        }

        Assert.Equal(WorkerState.Offline, Assert.Single((await mesh.List(Sample.Ocr)).Changes, change => change.Id.Value == "b").State);
        mesh.Store.Unavailable = false;
        Assert.Equal(HeartbeatOutcome.Renewed, (await mesh.Worker("a").Heartbeat(new() { Incarnation = 1 })).Outcome);
    }

    [Fact]
    public async Task What_a_heartbeat_does_not_say_stays_as_it_was_and_what_it_says_is_answered_when_it_can_be_seen()
    {
        await Add("a", Sample.Ocr);
        await mesh.Worker("a").Heartbeat(new() { Degraded = true, CurrentLoad = 0.7, ActiveRequests = 3 });
        await mesh.Worker("a").SetDraining(true);
        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Soon(watcher, "the load", w => w["a"]!.Load.Equals(0.7));

        var same = Assert.Single(await Renew(("a", new())));
        Assert.Equal(WorkerState.Draining, same!.State);
        Assert.Empty(same.Versions);
        Assert.Equal((0.7, 3), (watcher["a"]!.Load, watcher["a"]!.ActiveRequests));

        await mesh.Worker("a").SetDraining(false);
        await mesh.Soon(watcher, "degraded", w => w["a"]!.State == WorkerState.Degraded);
        var better = Assert.Single(await Renew(("a", new() { Degraded = false })));
        Assert.Equal(WorkerState.Online, better!.State);
        Assert.Equal((await mesh.List(Sample.Ocr)).To, Assert.Single(better.Versions).Version);
        await mesh.Soon(watcher, "online", w => w["a"]!.State == WorkerState.Online);
    }

    [Fact]
    public async Task A_worker_whose_lease_has_run_out_is_back_and_stays_avoided_where_gateways_can_not_reach_it()
    {
        await Add("a", Sample.Ocr);
        var watcher = await mesh.Watch(Sample.Ocr);
        await mesh.Worker("a").Judge(new("gateway", 1, Reached: false));
        await mesh.Soon(watcher, "unreachable", w => w["a"]!.Unreachable);

        Assert.Single(await Renew(("a", new())));
        Assert.True(Assert.Single((await mesh.List(Sample.Ocr)).Changes).Unreachable);

        await mesh.Advance(Sample.Lease + TimeSpan.FromSeconds(1));
        await mesh.Soon(watcher, "offline", w => w["a"]!.State == WorkerState.Offline);
        var back = Assert.Single(await Renew(("a", new())));
        Assert.Equal(WorkerState.Online, back!.State);
        Assert.NotEmpty(back.Versions);
        await mesh.Soon(watcher, "online", w => w["a"]!.State == WorkerState.Online);
    }

    [Fact]
    public async Task Another_incarnation_and_who_is_not_there_are_left_alone()
    {
        await Add("a", Sample.Ocr);
        await Add("gone", Sample.Ocr);
        await mesh.Worker("gone").Unregister();
        var before = await mesh.List(Sample.Ocr);

        var answers = await Renew(
            ("a", new() { Incarnation = 2, CurrentLoad = 1 }), ("gone", new()), ("never", new()), ("a", new() { Incarnation = 1 }));

        Assert.Equal([null, null, null, HeartbeatOutcome.Renewed], answers.Select(answer => answer?.Outcome));
        Assert.Equal(before.To, (await mesh.List(Sample.Ocr)).To);
    }

    [Fact]
    public async Task A_silo_that_can_not_find_a_registry_reaches_it_through_the_one_that_has_it()
    {
        await Add("a", Sample.Ocr);
        var home = (await mesh.HomesOf(mesh.Registry(Sample.Ocr)))[Sample.Ocr.Value];
        var (here, other) = mesh.Silo(0).Equals(home) ? (0, 1) : (1, 0);
        await mesh.Advance(MostOfLease);

        var answer = await Renew(other, Sample.Ocr);
        Assert.Equal("unknown", Assert.Single(answer!.Unknown).Value);
        Assert.Null(await Renew(here, Sample.Ocr));
        Assert.Null(await Renew(other, Sample.Echo));

        await mesh.Advance(MostOfLease);
        var a = Assert.Single((await mesh.List(Sample.Ocr)).Changes);
        Assert.Equal((WorkerState.Online, 0.5), (a.State, a.Load));

        Task<RenewalAnswer?> Renew(int silo, ServiceType registry) =>
            mesh.ServicesAt(silo).GetRequiredService<RenewalDetour>().Renew(registry, [Of("a"), Of("unknown")]);

        static Renewal Of(string id) => new(WorkerId.Parse(id), 1, Degraded: false, 0.5, 0, TimeSpan.Zero);
    }

    /// <summary>As a silo does it that is asked to register new workers: their grains don't come into memory.</summary>
    private async Task Add(string id, params ServiceType[] services)
    {
        var added = await mesh.Registrations.Add(
            [new(WorkerId.Parse(id), Sample.Registration(id, services), Guid.NewGuid())], floor: 0);
        Assert.Equal(RegisterOutcome.Created, added[0].Answer?.Outcome);
    }

    /// <summary>Asks all silos, and gives for each heartbeat the answer of any.</summary>
    private async Task<HeartbeatAnswer?[]> Renew(params (string Id, Heartbeat Beat)[] beats)
    {
        var asked = await Task.WhenAll(Enumerable.Range(0, 2).Select(silo => mesh.HeartbeatsAt(silo).RenewInRegistries(
            [.. beats.Select(beat => new WorkerHeartbeat(WorkerId.Parse(beat.Id), beat.Beat))])));
        Assert.All(asked, answers => Assert.Equal(beats.Length, answers.Length));
        return [.. beats.Select((_, i) => asked.Select(answers => answers[i]).FirstOrDefault(answer => answer is not null))];
    }
}
