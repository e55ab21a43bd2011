using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Silo.Networking;
using WorkerMesh.Silo.Schema;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// Waits until the database answers, then brings its schema up to date, compares the clocks and finds the address to advertise. A silo that
/// starts before its database does not exit: whatever starts them need not know an order.
/// </summary>
internal sealed partial class ClusterPreparation(
    NpgsqlDataSource database,
    IOptions<SiloOptions> options,
    IOptions<MeshOptions> mesh,
    TimeProvider clock,
    ILogger<ClusterPreparation> logger) : IHostedService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private IPAddress? advertised;
    private int lastGeneration;

    /// <summary>Runs it in a host of its own, which hears SIGTERM and logs as the silo's will.</summary>
    /// <exception cref="OperationCanceledException">The process was told to stop meanwhile.</exception>
    /// <exception cref="MeshConfigurationException">The configuration is not usable.</exception>
    public static async Task<PreparedDatabase> RunAsync(string[] args)
    {
        var builder = Host.CreateApplicationBuilder(args);
        builder.AddHostDefaults();
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
        builder.AddSiloOptions();
        // Outlives this host: not in its container, which would dispose of it.
        var database = ClusterDatabase.Connect(builder.Configuration);
        builder.Services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ClusterPreparation>(provider, database));
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ClusterPreparation>());
        using var host = builder.Build();
        await host.StartAsync();
        await host.StopAsync();
        var prepared = host.Services.GetRequiredService<ClusterPreparation>();
        return new(database, prepared.advertised!, prepared.lastGeneration);
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var target = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                await ClusterSchema.EnsureAsync(database, cancellationToken);
                await CheckClock(cancellationToken);
                lastGeneration = await EarlierRuns.LastGenerationAsync(
                    database, mesh.Value.ClusterId, DatabaseClock.MostApart, cancellationToken);
                advertised = await FindAddress(target, cancellationToken);
                return;
            }
            catch (Exception e) when (FindRefusal(e) is { } refusal)
            {
                throw new MeshConfigurationException(
                    $"PostgreSQL at {DatabaseServer.Describe(target)} refuses: {refusal.MessageText}. "
                    + "Check user, password, database and rights in ConnectionStrings__Cluster.", e);
            }
            catch (Exception e) when (IsPassing(e) && !cancellationToken.IsCancellationRequested)
            {
                LogWaiting(DatabaseServer.Describe(target), e.Message);
                // Sessions that began while it was read-only stay so.
                database.Clear();
                await Task.Delay(pause, clock, cancellationToken);
            }
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task CheckClock(CancellationToken cancellationToken)
    {
        var ahead = await DatabaseClock.AheadAsync(database, clock, cancellationToken);
        if (ahead.Duration() > DatabaseClock.MostApart)
        {
            throw new MeshConfigurationException(
                $"this machine's clock is {DatabaseClock.Describe(ahead)}. Silos whose clocks are minutes apart declare each other "
                + "dead when they start: set the clock of the one that is wrong (NTP).");
        }
    }

    private async Task<IPAddress> FindAddress(NpgsqlConnectionStringBuilder target, CancellationToken cancellationToken)
    {
        if (options.Value.AdvertisedAddress is { } configured)
        {
            return IPAddress.Parse(configured);
        }

        return await RouteAddress.ToDatabase(DatabaseServer.Of(target), cancellationToken);
    }

    /// <summary>What waiting does not help against, such as a wrong password or database; the store wraps it.</summary>
    private static PostgresException? FindRefusal(Exception e) => e switch
    {
        StoreUnavailableException { InnerException: { } inner } => FindRefusal(inner),
        // Starting up, shutting down, out of connections, closed to all, read-only.
        PostgresException { SqlState: "57P01" or "57P02" or "57P03" or "53300" or "55000" or "25006" } => null,
        _ => e as PostgresException,
    };

    private static bool IsPassing(Exception e) =>
        e is StoreUnavailableException or NpgsqlException or SocketException or TimeoutException;

    [LoggerMessage(2000, LogLevel.Warning, "PostgreSQL at {Servers} can't be used yet ({Reason}); waiting for it.")]
    private partial void LogWaiting(string servers, string reason);
}

/// <summary>A database that a silo can start on.</summary>
/// <param name="Source">Its connections.</param>
/// <param name="AdvertisedAddress">The address that the others reach this silo at.</param>
/// <param name="LastGeneration">The highest generation that a silo of this cluster has had; 0 where there was none.</param>
public sealed record PreparedDatabase(NpgsqlDataSource Source, IPAddress AdvertisedAddress, int LastGeneration);
