using WorkerMesh.Examples.Embeddings;

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.AddFilter("System.Net.Http", LogLevel.Warning).AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddHttpClient<MeshMember>(client =>
{
    client.BaseAddress = new Uri(builder.Configuration["MESH_URL"] ?? "http://127.0.0.1:8080");
    client.Timeout = TimeSpan.FromSeconds(10);
});
builder.Services.AddHostedService(provider => provider.GetRequiredService<MeshMember>());

await using var app = builder.Build();
app.MapGet("/health", () => Results.Ok(new { status = "healthy" }));
app.MapPost("/embed", (EmbedRequest request) => Results.Ok(new
{
    worker = Environment.MachineName,
    vectors = request.Texts.Select(HashedWords.Of),
}));
await app.RunAsync();

/// <param name="Texts">What to turn into vectors.</param>
internal sealed record EmbedRequest(string[] Texts);
