using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Silo.Hosting;

/// <summary>How a process of the mesh ends.</summary>
public static class ExitCode
{
    /// <summary>
    /// Runs a process. 0 after an orderly stop, also one that came while it was starting; 1 where the configuration or
    /// what it names is not usable, with the reason as the last line and without a stack trace.
    /// </summary>
    public static async Task<int> OfAsync(Func<Task> run)
    {
        try
        {
            await run();
            return 0;
        }
        catch (Exception e) when (Sentence(e) is { } sentence)
        {
            await Console.Error.WriteLineAsync($"WorkerMesh can't start: {sentence}");
            return 1;
        }
        catch (OperationCanceledException)
        {
            // SIGTERM before there was a host: nothing else cancels it.
            return 0;
        }
    }

    /// <summary>
    /// Runs a host until it is told to stop. Where that comes while it is starting, whatever fails then was interrupted: a
    /// connection that was being tried, for one.
    /// </summary>
    public static async Task RunAsync(IHost host)
    {
        await using var disposed = (IAsyncDisposable)host;
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        try
        {
            await host.StartAsync();
        }
        // Asked before the host is disposed of: that stops it as well, whatever it was that failed.
        catch (Exception e) when (stopping.IsCancellationRequested && Sentence(e) is null)
        {
            // The reason has been logged, by the host.
            return;
        }

        await host.WaitForShutdownAsync();
    }

    private static string? Sentence(Exception e) => e switch
    {
        OptionsValidationException options => string.Join(" ", options.Failures),
        AggregateException { InnerExceptions: var all } when all.All(x => x is OptionsValidationException) =>
            string.Join(" ", all.Select(Sentence)),
        MeshConfigurationException => e.Message,
        Grains.Storage.StoreUnusableException => e.Message,
        // The binder of the configuration has no type of its own for a text that is no number or time; it names the
        // setting.
        InvalidOperationException { InnerException: FormatException or ArgumentException } => e.Message,
        // A port that is taken; the message names the address.
        IOException when e.GetBaseException() is SocketException => e.Message,
        _ => null,
    };
}
