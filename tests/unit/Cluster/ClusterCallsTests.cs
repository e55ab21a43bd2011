using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>How long and how often a gateway asks silos that come and go.</summary>
public sealed class ClusterCallsTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    private readonly FakeTimeProvider clock = new();
    private readonly ClusterLink link = new();
    private readonly ClusterCalls calls;

    public ClusterCallsTests() => calls = new(null!, link, clock);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_in_flight_is_made_again_at_once_when_the_connection_to_a_silo_goes()
    {
        link.OnSilosChanged(now: 2, before: 0);
        var never = new TaskCompletionSource<int>();
        var answer = calls.Call((_, attempt) => attempt == 1 ? never.Task : Task.FromResult(attempt), Cancel);
        Assert.False(answer.IsCompleted);

        link.OnSilosChanged(now: 1, before: 2);

        Assert.Equal(2, await answer);
    }

    [Fact]
    public async Task A_silo_that_comes_does_not_disturb_calls_in_flight()
    {
        link.OnSilosChanged(now: 1, before: 0);
        var first = new TaskCompletionSource<int>();
        var answer = calls.Call((_, _) => first.Task, Cancel);

        link.OnSilosChanged(now: 2, before: 1);
        first.SetResult(7);

        Assert.Equal(7, await answer);
    }

    [Theory]
    [InlineData(1, 9)]
    [InlineData(0, 2)]
    public async Task It_gives_up_after_what_a_hung_silo_takes_and_sooner_without_a_connection_to_any(int silos, double seconds)
    {
        link.OnSilosChanged(silos, silos);
        var start = clock.Elapsed();
        var attempts = 0;
        var answer = calls.Call<int>(
            (_, _) =>
            {
                attempts++;
                throw new TimeoutException();
            },
            Cancel);
        while (!answer.IsCompleted)
        {
            clock.Advance(Step);
            await Task.Yield();
        }

        await Assert.ThrowsAsync<ClusterUnavailableException>(() => answer);
        Assert.InRange((clock.Elapsed() - start).TotalSeconds, seconds - 0.5, seconds + 0.5);
        Assert.InRange(attempts, 3, 200);
    }

    public static TheoryData<Exception> Passing =>
    [
        new OrleansException("No active nodes are compatible with grain worker."),
        new GatewayTooBusyException("busy"),
        new SiloUnavailableException("gone"),
        new StaleOwnerException("another one is"),
        new TimeoutException(),
    ];

    [Theory]
    [MemberData(nameof(Passing), DisableDiscoveryEnumeration = true)]
    public async Task What_a_silo_can_not_do_yet_is_tried_again(Exception said)
    {
        link.OnSilosChanged(1, 0);
        var answer = calls.Call((_, attempt) => attempt < 3 ? throw said : Task.FromResult(attempt), Cancel);
        while (!answer.IsCompleted)
        {
            clock.Advance(Step);
            await Task.Yield();
        }

        Assert.Equal(3, await answer);
    }

    /// <summary>What Orleans keeps of calls that begin on other threads piles up.</summary>
    [Fact]
    public async Task Calls_begin_in_the_thread_pool_wherever_they_are_made()
    {
        var called = new ClusterCalls(FakeSilos.Create().Factory, link, clock);
        link.OnSilosChanged(1, 0);
        var made = new TaskCompletionSource<Task<bool>[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() => made.SetResult([called.Call(_ => InPool(), Cancel), called.CallOnce(_ => InPool())])).Start();
        Assert.All(await Task.WhenAll(await made.Task), Assert.True);

        static Task<bool> InPool() => Task.FromResult(Thread.CurrentThread.IsThreadPoolThread);
    }

    [Fact]
    public async Task What_no_silo_will_ever_do_is_not()
    {
        link.OnSilosChanged(1, 0);
        var attempts = 0;
        await Assert.ThrowsAsync<GrainExtensionNotInstalledException>(() => calls.Call<int>(
            (_, attempt) => throw new GrainExtensionNotInstalledException($"{attempts = attempt}"), Cancel));
        Assert.Equal(1, attempts);
    }

    /// <summary>Also long after the first answer: a silo may name no grains for a moment.</summary>
    [Fact]
    public async Task A_call_to_a_grain_that_no_silo_has_named_is_made_again_and_one_that_is_a_mistake_is_not()
    {
        var (factory, silos) = FakeSilos.Create();
        var called = new ClusterCalls(factory, link, clock);
        link.OnSilosChanged(1, 0);
        link.Answered();
        silos.Starting = true;
        var attempts = 0;
        var answer = called.Call(
            (grains, attempt) =>
            {
                silos.Starting = (attempts = attempt) < 3;
                grains.GetGrain<IWorkerGrain>("w");
                return Task.FromResult(attempt);
            },
            Cancel);
        while (!answer.IsCompleted)
        {
            clock.Advance(Step);
            await Task.Yield();
        }

        Assert.Equal(3, await answer);
        attempts = 0;
        await Assert.ThrowsAsync<ArgumentException>(() => called.Call<int>(
            (_, attempt) => throw new ArgumentException($"{attempts = attempt}"), Cancel));
        Assert.Equal(1, attempts);
    }

    [Fact]
    public async Task What_the_store_has_not_begun_is_tried_again_and_what_it_may_have_done_is_not()
    {
        link.OnSilosChanged(1, 0);
        var answer = calls.Call(
            (_, attempt) => attempt == 1
                ? throw new StoreUnavailableException("busy") { NotBegun = true }
                : Task.FromResult(attempt),
            Cancel);
        while (!answer.IsCompleted)
        {
            clock.Advance(Step);
            await Task.Yield();
        }

        Assert.Equal(2, await answer);
        var attempts = 0;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => calls.Call<int>(
            (_, _) =>
            {
                attempts++;
                throw new StoreUnavailableException("gone");
            },
            Cancel));
        Assert.Equal(1, attempts);
    }
}
