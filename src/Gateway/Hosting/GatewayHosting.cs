using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using Orleans.Configuration;
using Orleans.Messaging;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Dialects;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Forwarding.Http1;
using WorkerMesh.Gateway.Probing;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Gateway.Stats;
using WorkerMesh.Gateway.Verdicts;
using WorkerMesh.Grains;
using WorkerMesh.Grains.Memory;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>Sets a gateway up: with a silo of its own, or as a client of a cluster.</summary>
internal static class GatewayHosting
{
    private const long MaxApiBody = JsonBody.DefaultLimit;

    public static void AddGateway(this WebApplicationBuilder builder)
    {
        ListenAddresses.Validate(builder.Configuration);
        var services = builder.Services;
        services.AddOptions<GatewayOptions>().BindConfiguration(GatewayOptions.Section).ValidateOnStart()
            .Validate(
                o => o.ShutdownNotice + o.ShutdownLinger < Silo.Hosting.HostDefaults.DrainTime,
                $"Gateway:ShutdownNotice and Gateway:ShutdownLinger together must be less than {Silo.Hosting.HostDefaults.DrainTime.TotalSeconds:0} s.");
        services.AddSingleton<IValidateOptions<GatewayOptions>, GatewayOptionsValidator>();
        services.AddSingleton<IValidateOptions<GatewayOptions>, ServicesValidator>();
        services.ConfigureHttpJsonOptions(json => JsonOptions.Apply(json.SerializerOptions));
        services.AddProblemDetails();
        services.AddExceptionHandler<ClusterFaultHandler>();
        services.AddOpenApi("v1", OpenApiDescription.Configure);
        services.AddAssignmentOptions();
        services.AddHttpForwarder();
        services.AddCors();
        services.AddOptions<CorsOptions>().Configure<IOptions<GatewayOptions>>((cors, gateway) => cors.AddDefaultPolicy(policy =>
            policy.WithOrigins(gateway.Value.CorsOrigins).AllowAnyHeader().AllowAnyMethod().WithExposedHeaders("X-Mesh-Worker", "X-Mesh-Explain")
                .SetPreflightMaxAge(TimeSpan.FromHours(1))));
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .From("workermesh-gateway")
            .AddMeter(GatewayMetrics.MeterName, SiloMetrics.MeterName, "System.Runtime", "Microsoft.Orleans", "Microsoft.AspNetCore.Server.Kestrel")
            .LimitLibraries()
            .AddView(GatewayMetrics.View)
            .AddPrometheusExporter());
        services.AddSingleton<GatewayMetrics>();
        services.AddSingleton<WorkerMetrics>();
        services.AddSingleton<ClusterLink>();
        services.AddSingleton<ClusterCalls>();
        services.AddSingleton<SiloList>();
        services.AddSingleton<SiloHeartbeats>();
        services.AddSingleton<RegistryHeartbeats>();
        services.AddSingleton<SiloRegistrations>();
        services.AddSingleton<WorkerCalls>();
        services.AddSingleton<Listings>();
        services.AddSingleton<ServiceWorkers>();
        services.AddSingleton<JobSender>();
        services.AddSingleton<ReachabilityProbe>();
        services.AddSingleton<OpenFiles>();
        services.TryAddSingleton<MemoryLimit>();
        services.AddSingleton<ConnectionMemory>();
        services.AddSingleton<Shortage>();
        services.AddSingleton<Admission>();
        services.AddSingleton<WorkerClient>();
        services.AddSingleton<WorkerConnections>();
        services.AddSingleton<Http1Sender>();
        services.AddSingleton<AnswerNotes>();
        services.AddSingleton<SendPlans>();
        services.AddSingleton<Refusal>();
        services.AddSingleton<RequestForwarder>();
        services.AddSingleton<ForwardingEndpoint>();
        services.AddSingleton<ForwardingPorts>();
        services.AddSingleton<WorkersShortcut>();
        services.AddSingleton<FindShortcut>();
        services.AddHostedService<SocketTurns>();
        services.AddSingletonHosted<GatewayShutdown>();
        services.AddSingletonHosted<ServerCertificates>();
        services.AddSingletonHosted<CandidateProber>();
        services.AddSingletonHosted<VerdictReporter>();
        services.AddSingletonHosted<RouteTable>();
        services.AddSingletonHosted<GatewayPresence>();
        services.AddSingletonHosted<DashboardAccess>();
        services.AddSingleton<IConnectionListenerFactory>(provider => new LingeringTransport(
            ActivatorUtilities.CreateInstance<SocketTransportFactory>(provider),
            provider.GetRequiredService<GatewayShutdown>(),
            provider.GetRequiredService<Admission>()));
        services.AddSingleton<IMemoryPoolFactory<byte>, ConnectionBlocksFactory>();
        // A request begins on the pool's thread that has received it: where it blocks, others go on.
        services.AddOptions<SocketTransportOptions>().Configure<ConnectionMemory>((sockets, memory) =>
        {
            sockets.UnsafePreferInlineScheduling = true;
            sockets.MaxReadBufferSize = memory.BufferBytes;
        });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxApiBody;
            var buffer = (int)kestrel.ApplicationServices.GetRequiredService<ConnectionMemory>().BufferBytes;
            var http2 = kestrel.Limits.Http2;
            http2.InitialConnectionWindowSize = Math.Min(http2.InitialConnectionWindowSize, buffer);
            http2.InitialStreamWindowSize = Math.Min(http2.InitialStreamWindowSize, buffer);
            // Readers of long answers may pause; how long is for Gateway:BetweenBytesTimeout to say.
            kestrel.Limits.MinResponseDataRate = null;
            // What workers say in header fields is passed on byte for byte.
            kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
            kestrel.ApplicationServices.GetRequiredService<ServerCertificates>().Use(kestrel);
            PriorKnowledge.Use(kestrel, kestrel.ApplicationServices.GetRequiredService<TimeProvider>());
        });
        // Addresses with a certificate.
        builder.WebHost.UseKestrelHttpsConfiguration();
        if (!ListenAddresses.AreConfigured(builder.Configuration))
        {
            builder.WebHost.UseUrls(ListenAddresses.Default);
        }
    }

    /// <summary>As a client of the silos that the database's membership table lists.</summary>
    public static void AddClusterClient(this WebApplicationBuilder builder)
    {
        var database = ClusterDatabase.Connect(builder.Configuration);
        // The gateway listens and says that it is not ready while it waits for silos, rather than not to listen.
        builder.Services.Configure<HostOptions>(host => host.ServicesStartConcurrently = true);
        builder.UseOrleansClient(client =>
        {
            client.UseAdoNetClustering(clustering =>
            {
                clustering.Invariant = "Npgsql";
                clustering.DataSource = database;
            });
            KeepSiloList(client.Services);
            client.Services.AddOptions<ClusterOptions>().Configure<IOptions<MeshOptions>>((cluster, mesh) =>
            {
                cluster.ServiceId = SiloHosting.ServiceId;
                cluster.ClusterId = mesh.Value.ClusterId;
            });
            // Calls that are in flight to a silo that dies are never answered: they are given up soon and made again.
            client.Services.AddOptions<ClientMessagingOptions>().Configure<IOptions<MeshOptions>>((messaging, mesh) =>
                messaging.ResponseTimeout = mesh.Value.CallTimeout);
            // How late a gateway learns that the others have declared a hung silo dead. One small query each.
            client.Configure<Orleans.Configuration.GatewayOptions>(gateways =>
                gateways.GatewayListRefreshPeriod = TimeSpan.FromSeconds(1));
            // A silo that is only just active may not list itself among those that have grains, and a gateway that asks it
            // then knows of none until it asks again: in a minute, by default. One small question each.
            client.Configure<TypeManagementOptions>(types => types.TypeMapRefreshInterval = TimeSpan.FromSeconds(1));
            client.AddMeshDashboard(builder.Configuration);
            client.UseConnectionRetryFilter<UntilConnected>();
            client.AddGatewayCountChangedHandler(provider => (_, change) => provider.GetRequiredService<ClusterLink>()
                .OnSilosChanged(change.NumberOfConnectedGateways, change.PreviousNumberOfConnectedGateways));
        });
    }

    /// <summary>Puts a reader that keeps what it reads around the client's own.</summary>
    private static void KeepSiloList(IServiceCollection services)
    {
        var reader = services.Last(service => service.ServiceType == typeof(IGatewayListProvider));
        services.Remove(reader);
        services.AddSingleton<IGatewayListProvider>(provider => new SiloListReader(
            (IGatewayListProvider)ActivatorUtilities.CreateInstance(provider, reader.ImplementationType!),
            provider.GetRequiredService<SiloList>()));
    }

    public static void UseGateway(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value;
        if (options.InlineCompletions)
        {
            app.Use(SocketCompletions.LeaveSocketThread);
        }

        app.Use(app.Services.GetRequiredService<Admission>().Invoke);
        app.Use(app.Services.GetRequiredService<GatewayShutdown>().Invoke);
        app.UseExceptionHandler();
        app.Use(app.Services.GetRequiredService<ForwardingEndpoint>().Shortcut);
        if (options.ForwardingPorts.Length > 0)
        {
            app.Use(app.Services.GetRequiredService<ForwardingPorts>().Invoke);
        }

        app.Use(app.Services.GetRequiredService<WorkersShortcut>().Invoke);
        app.Use(app.Services.GetRequiredService<FindShortcut>().Invoke);
        app.UseRouting();
        // What the router itself refuses: no such path, or not with that method.
        app.UseStatusCodePages(refused => refused.HttpContext.Response.StatusCode == StatusCodes.Status404NotFound
            ? Problems.NotFoundPath(refused.HttpContext.Request.Path).ExecuteAsync(refused.HttpContext)
            : Results.Problem(statusCode: refused.HttpContext.Response.StatusCode).ExecuteAsync(refused.HttpContext));
        if (options.CorsOrigins.Length > 0)
        {
            app.UseCors();
        }

        app.UseMiddleware<CrossSiteGuard>();
        app.UseMiddleware<DashboardGuard>();
        app.UseMiddleware<DashboardPages>();
        ForwardingEndpoint.Map(app);
        app.MapWorkers();
        app.MapServices();
        app.MapCluster();
        app.MapStats();
        app.MapRegistryDialect();
        app.MapCoordinatorDialect();
        app.MapCoordinatorReports();
        app.MapBroadcast();
        app.MapHealth();
        MapMetrics(app);
        app.MapOpenApi("/openapi/{documentName}.json");
    }

    private static void MapMetrics(WebApplication app)
    {
        var workers = app.Services.GetRequiredService<WorkerMetrics>();
        app.MapPrometheusScrapingEndpoint(
            "/metrics",
            meterProvider: null,
            branch => branch.Use((context, next) =>
            {
                workers.MakeRoom();
                return next(context);
            }),
            optionsName: null);
    }

    private static void AddSingletonHosted<T>(this IServiceCollection services)
        where T : class, IHostedService
    {
        services.AddSingleton<T>();
        services.AddHostedService(provider => provider.GetRequiredService<T>());
    }
}
