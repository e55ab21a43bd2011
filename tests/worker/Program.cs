using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using WorkerMesh.Tests.Worker;

var builder = WebApplication.CreateSlimBuilder(args);
var grpc = builder.Configuration["grpc"] is not null;
builder.Logging.ClearProviders();
builder.WebHost.UseKestrelHttpsConfiguration();
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.Limits.MaxRequestBodySize = null;
    kestrel.Limits.MinRequestBodyDataRate = null;
    kestrel.Limits.MinResponseDataRate = null;
    kestrel.Listen(IPAddress.Loopback, int.Parse(builder.Configuration["port"] ?? "0"), endpoint =>
    {
        if (builder.Configuration["certificate"] is { } file)
        {
            endpoint.UseHttps(X509Certificate2.CreateFromPemFile(file, builder.Configuration["key"]));
        }
        else if (grpc)
        {
            // As gRPC servers without TLS do: nothing else on that port.
            endpoint.Protocols = HttpProtocols.Http2;
        }
    });
});
if (grpc)
{
    builder.Services.AddGrpc();
}

await using var app = builder.Build();
if (grpc)
{
    app.MapGrpcService<EchoService>();
}
else
{
    var worker = new HttpWorker(builder.Configuration["name"] ?? "worker");
    app.UseWebSockets();
    // No router: what the client wrote must come through as it is.
    app.Run(worker.Answer);
}

await app.StartAsync();
Console.WriteLine($"listening on {app.Urls.First()}");
await app.WaitForShutdownAsync();
