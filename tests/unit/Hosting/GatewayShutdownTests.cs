using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Tests.Unit.Hosting;

/// <summary>How long a gateway whose port is closed waits for its clients.</summary>
public sealed class GatewayShutdownTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    private readonly FakeTimeProvider clock = new();
    private readonly GatewayShutdown shutdown;

    public GatewayShutdownTests() =>
        shutdown = new(clock, Options.Create(new GatewayOptions { ShutdownLinger = Longest }));

    [Fact]
    public async Task Nobody_is_waited_for_where_nobody_is_connected()
    {
        Assert.False(shutdown.Lingering);
        await shutdown.Linger(TestContext.Current.CancellationToken);
        Assert.True(shutdown.Lingering);
    }

    [Fact]
    public async Task It_goes_on_when_the_last_connection_closes()
    {
        shutdown.OnOpened();
        shutdown.OnOpened();
        var lingering = shutdown.Linger(TestContext.Current.CancellationToken);
        shutdown.OnClosed();
        Assert.False(lingering.IsCompleted);
        shutdown.OnClosed();
        await lingering;
    }

    [Fact]
    public async Task Clients_that_are_silent_are_waited_for_a_second() =>
        Assert.InRange((await LingerAsync(requests: false)).TotalSeconds, 0.9, 1.5);

    [Fact]
    public async Task Clients_that_go_on_are_given_the_time_that_is_configured() =>
        Assert.InRange(await LingerAsync(requests: true), Longest - TimeSpan.FromSeconds(0.2), Longest + TimeSpan.FromSeconds(0.5));

    private async Task<TimeSpan> LingerAsync(bool requests)
    {
        shutdown.OnOpened();
        var start = clock.Elapsed();
        var lingering = shutdown.Linger(TestContext.Current.CancellationToken);
        while (!lingering.IsCompleted)
        {
            if (requests)
            {
                await shutdown.Invoke(new DefaultHttpContext(), _ => Task.CompletedTask);
            }

            clock.Advance(Step);
            await Task.Yield();
        }

        await lingering;
        return clock.Elapsed() - start;
    }
}
