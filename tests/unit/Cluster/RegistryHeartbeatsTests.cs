using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>Heartbeats that no worker's grain can take.</summary>
public sealed class RegistryHeartbeatsTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider clock = new();
    private readonly FakeSilos silos;
    private readonly SiloList list = new();
    private readonly RegistryHeartbeats heartbeats;

    public RegistryHeartbeatsTests()
    {
        (var factory, silos) = FakeSilos.Create();
        heartbeats = new(new(factory, new(), clock), list);
        silos.Leases[1] = ["a", "b"];
        silos.Leases[2] = ["b", "c"];
        list.Set([FakeSilos.Address(1), FakeSilos.Address(2)]);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_silo_is_asked_once_and_one_that_holds_the_lease_is_enough()
    {
        Assert.Equal("a:1 b:12 - c:2", await Renewed("a", "b", "nobody", "c"));
        Assert.Equal([(1, 4), (2, 4)], silos.TakeMessages());
    }

    [Fact]
    public async Task Silos_that_do_not_answer_or_do_not_know_how_are_not_needed()
    {
        silos.Dead.Add(2);
        Assert.Equal("a:1 b:1 -", await Renewed("a", "b", "c"));
        silos.Old = true;
        Assert.Equal("- -", await Renewed("a", "b"));
        list.Set([]);
        Assert.Equal("-", await Renewed("a"));
    }

    [Fact]
    public async Task One_that_hangs_is_not_waited_for_longer_than_a_second()
    {
        silos.Held = new TaskCompletionSource().Task;
        var renewed = Renewed("a", "c");
        await silos.BegunAsync(2);
        clock.Advance(TimeSpan.FromSeconds(0.9));
        Assert.False(renewed.IsCompleted);

        clock.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal("- -", await renewed.WaitAsync(Longest, TimeProvider.System, Token));
    }

    /// <summary>The ids whose leases were renewed, with the silos that did it.</summary>
    private async Task<string> Renewed(params string[] ids)
    {
        var answers = await heartbeats.Renew([.. ids.Select(id => new WorkerHeartbeat(WorkerId.Parse(id), new()))]);
        return string.Join(' ', ids.Zip(answers, (id, answer) =>
            answer is null ? "-" : $"{id}:{string.Concat(answer.Versions.Select(version => version.Epoch))}"));
    }
}
