using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using WorkerMesh.Grains;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Storage.Postgres;
using WorkerMesh.Grains.Storage.Sqlite;
using WorkerMesh.Silo.Networking;
using WorkerMesh.Silo.Schema;

namespace WorkerMesh.Silo.Hosting;

/// <summary>Sets a silo up, in a process of its own or in a gateway's.</summary>
public static class SiloHosting
{
    /// <summary>
    /// The key of registrations in the store: never changes, so that an upgraded cluster finds its data.
    /// </summary>
    public const string ServiceId = "workermesh";

    private const int LocalDirectoryCacheSize = 1000;

    /// <summary>
    /// Orleans' million takes 8 MB at once, and 5 ms of a processor each second: the dashboard asks how many entries there
    /// are, which are counted by a walk through all that there may be.
    /// </summary>
    private const int DirectoryCacheSize = 100_000;
    private const int DefaultSiloPort = 11111;
    private const int DefaultGatewayPort = 30000;

    /// <summary>A silo of a cluster, whose membership table and registrations are in PostgreSQL.</summary>
    public static void AddClusterSilo(this IHostApplicationBuilder builder, PreparedDatabase database)
    {
        builder.Services.AddSingleton(database);
        builder.Services.AddSingleton<ILocalSiloDetails, SiloIdentity>();
        builder.AddStore(provider => new PostgresWorkerStore(
            database.Source,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IOptions<MeshOptions>>().Value.StoreTimeout,
            ClusterSchema.Fence(
                provider.GetRequiredService<IOptions<MeshOptions>>().Value.ClusterId,
                provider.GetRequiredService<ILocalSiloDetails>().SiloAddress)));
        builder.AddSilo(alone: false, silo =>
        {
            silo.UseAdoNetClustering(clustering =>
            {
                clustering.Invariant = "Npgsql";
                clustering.DataSource = database.Source;
            });
            MembershipProfile.Configure(silo, builder.Configuration);
            silo.Configure<GrainDirectoryOptions>(directory => directory.CacheSize = DirectoryCacheSize);
            silo.Services.AddOptions<EndpointOptions>().Configure<IOptions<SiloOptions>>((endpoints, options) =>
            {
                endpoints.AdvertisedIPAddress = database.AdvertisedAddress;
                endpoints.SiloPort = PortOf(options.Value.SiloPort, DefaultSiloPort);
                endpoints.GatewayPort = PortOf(options.Value.GatewayPort, DefaultGatewayPort);
                var listen = IPAddress.IsLoopback(database.AdvertisedAddress) ? database.AdvertisedAddress : IPAddress.Any;
                endpoints.SiloListeningEndpoint = new(listen, endpoints.SiloPort);
                endpoints.GatewayListeningEndpoint = new(listen, endpoints.GatewayPort);
            });
        });
        // Before the silo starts, and after it is configured: a silo that joins is live and not ready.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService, SiloMonitoring>());
        builder.Services.AddHostedService<SiloAnnouncement>();
        builder.Services.AddHostedService<ClockWatch>();
    }

    /// <summary>A silo alone in a gateway's process: loopback only, registrations in a SQLite file.</summary>
    public static void AddEmbeddedSilo(this IHostApplicationBuilder builder)
    {
        builder.AddStore(provider =>
        {
            var mesh = provider.GetRequiredService<IOptions<MeshOptions>>().Value;
            return new SqliteWorkerStore(
                Path.Combine(mesh.DataDirectory, "workers.db"), provider.GetRequiredService<TimeProvider>(), mesh.StoreTimeout);
        });
        builder.Services.AddHostedService<EmbeddedStorePreparation>();
        builder.AddSilo(alone: true, silo =>
        {
            var ports = builder.Configuration.GetSection(SiloOptions.Section).Get<SiloOptions>() ?? new();
            silo.UseLocalhostClustering(PortOf(ports.SiloPort, 0), PortOf(ports.GatewayPort, 0));
            // Where grains are is known here without a cache, which would keep an entry for each there ever was.
            silo.Configure<GrainDirectoryOptions>(directory => directory.CacheSize = LocalDirectoryCacheSize);
        });
    }

    internal static void AddSiloOptions(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<SiloOptions>().BindConfiguration(SiloOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<SiloOptions>, SiloOptionsValidator>();
        builder.Services.AddSingleton<IValidateOptions<SiloOptions>, SiloAddressValidator>();
    }

    private static void AddSilo(this IHostApplicationBuilder builder, bool alone, Action<ISiloBuilder> configure)
    {
        builder.AddSiloOptions();
        builder.UseOrleans(silo =>
        {
            configure(silo);
            silo.AddMeshDashboard(builder.Configuration);
            silo.Services.AddOptions<ClusterOptions>().Configure<IOptions<MeshOptions>>((cluster, mesh) =>
            {
                cluster.ServiceId = ServiceId;
                cluster.ClusterId = mesh.Value.ClusterId;
            });
            silo.Services.AddOptions<Orleans.Configuration.SiloOptions>().Configure<IOptions<SiloOptions>, IOptions<EndpointOptions>>(
                (names, options, endpoints) =>
                    names.SiloName = options.Value.Name ?? $"{Environment.MachineName}-{endpoints.Value.SiloPort}");
        });
        builder.Services.AddWorkerMeshGrains(alone);
    }

    private static void AddStore(this IHostApplicationBuilder builder, Func<IServiceProvider, IWorkerStore> create) =>
        builder.Services.AddSingleton<IWorkerStore>(provider =>
            ActivatorUtilities.CreateInstance<WatchedWorkerStore>(provider, create(provider)));

    private static int PortOf(int? configured, int usual) => (configured ?? usual) switch
    {
        0 => FreePort.Find(),
        var port => port,
    };
}
