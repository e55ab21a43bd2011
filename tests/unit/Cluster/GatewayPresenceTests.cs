using System.Reflection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>What a gateway says that no silo has answered yet.</summary>
public sealed class GatewayPresenceTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly ClusterLink link = new();

    [Fact]
    public async Task A_gateway_that_is_connected_and_not_answered_for_5_s_says_why_once()
    {
        link.OnSilosChanged(now: 1, before: 0);
        var said = await Fail(attempts: 60);

        var (at, message) = Assert.Single(said);
        Assert.True(at > TimeSpan.FromSeconds(5), at.ToString());
        Assert.Contains("(The test's silo does not answer.)", message, StringComparison.Ordinal);
    }

    /// <summary>That there is none to connect to is said by who tries.</summary>
    [Fact]
    public async Task A_gateway_that_is_not_connected_says_nothing() => Assert.Empty(await Fail(attempts: 60));

    /// <summary>What was said, and how long after the start, until so many attempts have failed.</summary>
    private async Task<IReadOnlyList<(TimeSpan At, string Message)>> Fail(int attempts)
    {
        var log = new Listener(clock, clock.Elapsed());
        var factory = DispatchProxy.Create<IGrainFactory, NoSilo>();
        var silo = (NoSilo)(object)factory;
        using var presence = new GatewayPresence(
            factory, null!, link, clock, Options.Create(new GatewayOptions()), log);
        await presence.StartAsync(TestContext.Current.CancellationToken);
        while (silo.Attempts < attempts)
        {
            clock.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Yield();
        }

        await presence.StopAsync(TestContext.Current.CancellationToken);
        return log.Said;
    }

    public class NoSilo : DispatchProxy
    {
        private int attempts;

        public int Attempts => Volatile.Read(ref attempts);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            Interlocked.Increment(ref attempts);
            throw new TimeoutException("The test's silo does not answer.");
        }
    }

    private sealed class Listener(TimeProvider clock, TimeSpan startedAt) : ILogger<GatewayPresence>
    {
        public List<(TimeSpan At, string Message)> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Said.Add((clock.Elapsed() - startedAt, formatter(state, exception)));
    }
}
