using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

/// <summary>How a process ends that is told to stop while it starts.</summary>
public sealed class ExitCodeTests
{
    [Fact]
    public async Task What_fails_because_it_was_interrupted_while_starting_is_no_failure()
    {
        var code = await ExitCode.OfAsync(() => ExitCode.RunAsync(HostOf((lifetime, starting) =>
        {
            lifetime.StopApplication();
            Assert.True(starting.IsCancellationRequested);
            throw new IOException("The connection that was being tried was refused.");
        })));

        Assert.Equal(0, code);
    }

    [Fact]
    public async Task What_somebody_can_do_something_about_is_one_also_where_it_stops_the_host()
    {
        var code = await ExitCode.OfAsync(() => ExitCode.RunAsync(HostOf((lifetime, _) =>
        {
            lifetime.StopApplication();
            throw new IOException("The port is taken.", new SocketException((int)SocketError.AddressAlreadyInUse));
        })));

        Assert.Equal(1, code);
    }

    [Fact]
    public async Task What_fails_by_itself_is_one()
    {
        var running = ExitCode.OfAsync(() => ExitCode.RunAsync(HostOf(
            (_, _) => throw new IOException("The disk is full."))));

        await Assert.ThrowsAsync<IOException>(() => running);
    }

    [Fact]
    public async Task What_fails_by_itself_is_one_also_where_the_end_of_it_stops_the_host()
    {
        var running = ExitCode.OfAsync(() => ExitCode.RunAsync(HostOf(
            (_, _) => throw new IOException("The disk is full."), lifetime => lifetime.StopApplication())));

        await Assert.ThrowsAsync<IOException>(() => running);
    }

    private static IHost HostOf(
        Action<IHostApplicationLifetime, CancellationToken> start, Action<IHostApplicationLifetime>? end = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(start);
        builder.Services.AddSingleton(end ?? (_ => { }));
        builder.Services.AddHostedService<Starting>();
        return builder.Build();
    }

    private sealed class Starting(
        Action<IHostApplicationLifetime, CancellationToken> start,
        Action<IHostApplicationLifetime> end,
        IHostApplicationLifetime lifetime)
        : IHostedService, IDisposable
    {
        public void Dispose() => end(lifetime);

        public Task StartAsync(CancellationToken cancellationToken)
        {
            start(lifetime, cancellationToken);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
