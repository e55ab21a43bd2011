using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Catalog;

namespace WorkerMesh.Grains.Cluster;

/// <summary>
/// Keeps the catalog, and through it every registry, in memory on some silo, so that leases end on time everywhere.
/// </summary>
internal sealed partial class CatalogKeeper(IGrainFactory grains, TimeProvider clock, ILogger<CatalogKeeper> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            do
            {
                try
                {
                    await grains.GetGrain<IServiceCatalogGrain>(0).Awaken();
                }
                catch (Exception e) when (!stoppingToken.IsCancellationRequested)
                {
                    LogFailed(e);
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (Exception e) when (
            stoppingToken.IsCancellationRequested && e is OperationCanceledException or OrleansException)
        {
            // The silo stops, also in the middle of a call.
        }
    }

    [LoggerMessage(1200, LogLevel.Warning, "The catalog does not answer; asked again in 10 s.")]
    private partial void LogFailed(Exception exception);
}
