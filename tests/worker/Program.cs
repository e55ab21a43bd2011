using WorkerMesh.Tests.Worker;

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.UseUrls($"http://127.0.0.1:{builder.Configuration["port"] ?? "0"}");
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
await using var app = builder.Build();
var worker = new HttpWorker(builder.Configuration["name"] ?? "worker");
// No router: what the client wrote must come through as it is.
app.Run(worker.Answer);
await app.StartAsync();
Console.WriteLine($"listening on {app.Urls.First()}");
await app.WaitForShutdownAsync();
