using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// How a gateway leaves without failing a request. 1. It says that it is not ready (/health/ready), and goes on for
/// <see cref="GatewayOptions.ShutdownNotice"/>, so that load balancers choose others. 2. It stops listening, and tells
/// clients on open connections to close them with its answers (<see cref="LingeringListener"/>). 3. It closes the
/// connections that are idle and waits for requests in flight, as Kestrel does by itself.
/// </summary>
internal sealed class GatewayShutdown(TimeProvider clock, IOptions<GatewayOptions> options) : IHostedLifecycleService
{
    /// <summary>Nobody who sends requests steadily is silent for so long.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    private volatile bool lingering;
    private long heardAtTicks;
    private int open;
    private TaskCompletionSource? allClosed;

    /// <summary>Whether it listens no more and clients should leave.</summary>
    public bool Lingering => lingering;

    /// <summary>
    /// Tells a client, once it is time, that nothing more is answered on its connection (<see cref="LastAnswer"/>).
    /// </summary>
    public Task Invoke(HttpContext context, RequestDelegate next)
    {
        if (lingering)
        {
            Volatile.Write(ref heardAtTicks, clock.Elapsed().Ticks);
            LastAnswer.Announce(context);
        }

        return next(context);
    }

    public void OnOpened() => Interlocked.Increment(ref open);

    public void OnClosed()
    {
        if (Interlocked.Decrement(ref open) == 0)
        {
            Volatile.Read(ref allClosed)?.TrySetResult();
        }
    }

    /// <summary>
    /// Waits until the clients have left, for the time that they are given at most. Each answer takes one connection
    /// from a client's pool, so one that has many idle ones takes a while; one that is silent is not waited for.
    /// </summary>
    public async Task Linger(CancellationToken cancellationToken)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref allClosed, closed);
        var now = clock.Elapsed();
        var end = now + options.Value.ShutdownLinger;
        Volatile.Write(ref heardAtTicks, now.Ticks);
        lingering = true;
        while (Volatile.Read(ref open) > 0
            && clock.Elapsed() is var later && later < end
            && later.Ticks - Volatile.Read(ref heardAtTicks) < Quiet.Ticks
            && !cancellationToken.IsCancellationRequested)
        {
            await closed.Task.WaitAsync(LookInterval, clock, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public Task StoppingAsync(CancellationToken cancellationToken) =>
        Task.Delay(options.Value.ShutdownNotice, clock, cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
