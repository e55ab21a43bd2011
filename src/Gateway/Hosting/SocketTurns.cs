using System.Net.Sockets;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>Has all threads that hear of sockets send together what a turn of theirs has to send (<see cref="SocketTurn"/>).</summary>
internal sealed partial class SocketTurns(IOptions<GatewayOptions> options, ILogger<SocketTurns> logger) : IHostedService
{
    /// <summary>The runtime's setting for how many such threads there are; without it, one for each processor.</summary>
    private const string Threads = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";

    /// <summary>The runtime gives sockets to its threads in turn, also those that others make meanwhile.</summary>
    private const int TriesPerThread = 4;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!options.Value.InlineCompletions || !options.Value.GatherSends || !OperatingSystem.IsLinux())
        {
            return;
        }

        var expected = int.TryParse(Environment.GetEnvironmentVariable(Threads), out var set) && set > 0
            ? set
            : Environment.ProcessorCount;
        var found = new HashSet<int>();
        try
        {
            for (var tries = 0; found.Count < expected && tries < expected * TriesPerThread; tries++)
            {
                var thread = await SocketTurn.Begin().WaitAsync(cancellationToken);
                await PoolThread.Enter();
                if (thread == 0)
                {
                    return;
                }

                found.Add(thread);
            }
        }
        catch (SocketException e)
        {
            LogNotGathered(e.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(3330, LogLevel.Warning,
        "Requests and answers are sent one by one rather than together, which costs some throughput: {Reason}.")]
    private partial void LogNotGathered(string reason);
}
