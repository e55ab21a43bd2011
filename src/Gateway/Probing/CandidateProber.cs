using System.Threading.Channels;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Probing;

/// <summary>
/// Finds out which of several URLs of a new worker this gateway can connect to, before a request has to: one that leads
/// nowhere may cost the whole connect time-out. Bounded; where it does not get to a worker in time, the first requests
/// find out.
/// </summary>
internal sealed partial class CandidateProber(ReachabilityProbe probe, ILogger<CandidateProber> logger) : BackgroundService
{
    private const int Waiting = 1000;
    private const int AtOnce = 16;

    private readonly Channel<(WorkerLink Link, Registration Registration)> queue =
        Channel.CreateBounded<(WorkerLink, Registration)>(new BoundedChannelOptions(Waiting)
        {
            FullMode = BoundedChannelFullMode.DropWrite,
        });

    /// <summary>Looks at the registrations in these changes that have more than one URL.</summary>
    public void Look(Route route, InstanceChanges changes)
    {
        foreach (var change in changes.Changes)
        {
            if (change.Registration is { Urls.Length: > 1 } registration && route.LinkOf(change.Id) is { } link)
            {
                queue.Writer.TryWrite((link, registration));
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Parallel.ForEachAsync(
                queue.Reader.ReadAllAsync(stoppingToken),
                new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stoppingToken },
                async (asked, token) => await Probe(asked.Link, asked.Registration, token));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    private async Task Probe(WorkerLink link, Registration registration, CancellationToken cancellationToken)
    {
        try
        {
            var found = await probe.Check(registration.Urls, cancellationToken);
            if (found.Candidate > 0)
            {
                link.Prefer(found.Candidate);
                LogPrefers(link.Id.Value, found.Url!);
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(e, link.Id.Value);
        }
    }

    [LoggerMessage(3200, LogLevel.Debug, "Worker {Worker} is reached at {Url}.")]
    private partial void LogPrefers(string worker, string url);

    [LoggerMessage(3201, LogLevel.Warning, "The check of worker {Worker}'s URLs failed.")]
    private partial void LogFailed(Exception exception, string worker);
}
