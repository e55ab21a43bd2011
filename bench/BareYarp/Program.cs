using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Yarp.ReverseProxy.Forwarder;

// YARP with one fixed destination and nothing else: what the gateway is compared with, so that the difference is the gateway's
// own work. Kestrel, sockets, connections to the worker and the collector are set as in src/Gateway (GatewayHosting,
// WorkerClient); what changes there changes here.
// Arguments: --urls http://127.0.0.1:1 --destination http://127.0.0.1:2
var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.Services.AddHttpForwarder();
builder.Services.Configure<SocketTransportOptions>(builder.Configuration.GetSection("Sockets"));
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.AddServerHeader = false;
    kestrel.Limits.MaxRequestBodySize = null;
    kestrel.Limits.MinResponseDataRate = null;
});

var destination = builder.Configuration["destination"]
    ?? throw new ArgumentException("--destination http://address:port is needed.");
using var client = new HttpMessageInvoker(new SocketsHttpHandler
{
    AllowAutoRedirect = false,
    AutomaticDecompression = DecompressionMethods.None,
    UseCookies = false,
    UseProxy = false,
    EnableMultipleHttp2Connections = true,
    ConnectTimeout = TimeSpan.FromSeconds(2),
    PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
    ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
});
var request = new ForwarderRequestConfig
{
    Version = HttpVersion.Version11,
    VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    ActivityTimeout = TimeSpan.FromSeconds(120),
};

await using var app = builder.Build();
app.MapForwarder("/{**path}", destination, request, HttpTransformer.Default, client);
await app.RunAsync();
