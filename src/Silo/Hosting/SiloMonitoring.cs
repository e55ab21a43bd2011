using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using WorkerMesh.Grains;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// Says over HTTP whether this silo serves, and what it counts, where <see cref="SiloOptions.MonitoringPort"/> is set. A
/// small server of its own beside the silo, because most silos have no other use for one.
/// </summary>
internal sealed partial class SiloMonitoring(
    IOptions<SiloOptions> options, ISiloStatusOracle silo, ILogger<SiloMonitoring> logger) : IHostedService
{
    private WebApplication? server;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value.MonitoringPort is not { } port)
        {
            return;
        }

        // Empty: the addresses that the environment gives to web servers are not for this one.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.ListenAnyIP(port);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .From("workermesh-silo")
            .AddMeter(SiloMetrics.MeterName, "System.Runtime", "Microsoft.Orleans", "Npgsql")
            .LimitLibraries()
            .AddPrometheusExporter());
        server = builder.Build();
        server.MapGet("/health/live", context => Answer(context, StatusCodes.Status200OK, "live"));
        server.MapGet("/health/ready", context => silo.CurrentStatus == SiloStatus.Active
            ? Answer(context, StatusCodes.Status200OK, "ready")
            : Answer(context, StatusCodes.Status503ServiceUnavailable, "not_ready"));
        server.MapPrometheusScrapingEndpoint("/metrics");
        await server.StartAsync(cancellationToken);
        LogListening(port);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (server is not null)
        {
            await server.StopAsync(cancellationToken);
            await server.DisposeAsync();
        }
    }

    private static Task Answer(HttpContext context, int status, string said)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync($$"""{"status":"{{said}}"}""", context.RequestAborted);
    }

    [LoggerMessage(2102, LogLevel.Information, "Health and metrics at port {Port}.")]
    private partial void LogListening(int port);
}
