using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// Says while a silo runs that its clock has gone wrong: nothing of its own fails then, but silos that join are declared
/// dead by it, and theirs is the log in which one would look (<see cref="DatabaseClock"/>).
/// </summary>
internal sealed partial class ClockWatch : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromMinutes(10);

    private readonly PreparedDatabase database;
    private readonly TimeProvider clock;
    private readonly ILogger<ClockWatch> logger;
    private double aheadSeconds;

    public ClockWatch(PreparedDatabase database, IMeterFactory meters, TimeProvider clock, ILogger<ClockWatch> logger)
    {
        this.database = database;
        this.clock = clock;
        this.logger = logger;
        meters.Create(SiloMetrics.MeterName).CreateObservableGauge(
            "mesh.clock.offset",
            () => Volatile.Read(ref aheadSeconds),
            "s",
            "How far this silo's clock is ahead of the database's; negative where it is behind.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        var warnings = new Pace(BetweenWarnings, clock);
        try
        {
            do
            {
                var ahead = await Ahead(stoppingToken);
                Volatile.Write(ref aheadSeconds, ahead.TotalSeconds);
                if (ahead.Duration() >= DatabaseClock.Suspicious && warnings.IsDue())
                {
                    LogApart(DatabaseClock.Describe(ahead));
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    private async Task<TimeSpan> Ahead(CancellationToken cancellationToken)
    {
        try
        {
            return await DatabaseClock.AheadAsync(database.Source, clock, cancellationToken);
        }
        catch (Exception e) when (StoreErrors.IsUnavailability(e) && !cancellationToken.IsCancellationRequested)
        {
            // Others say that the database does not answer.
            return TimeSpan.FromSeconds(Volatile.Read(ref aheadSeconds));
        }
    }

    [LoggerMessage(2110, LogLevel.Warning,
        "This machine's clock is {Apart}. Silos whose clocks are minutes apart declare each other dead when they start: set the clock (NTP).")]
    private partial void LogApart(string apart);
}
