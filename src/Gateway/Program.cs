using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Silo.Hosting;

if (HealthProbe.Asked(args) is { } url)
{
    return await HealthProbe.RunAsync(url);
}

return await ExitCode.OfAsync(async () =>
{
    var builder = WebApplication.CreateSlimBuilder(WorkerMesh.Silo.Hosting.HostDefaults.WithFixedConfiguration(args));
    // Before anything opens a socket.
    SocketCompletions.Configure(builder.Configuration);
    builder.AddHostDefaults();
    var embedded = ClusterDatabase.ConnectionString(builder.Configuration) is null;
    if (embedded)
    {
        builder.AddEmbeddedSilo();
    }
    else
    {
        builder.AddClusterClient();
    }

    // After what it calls: services start in this order.
    builder.AddGateway();

    await using var app = builder.Build();
    app.UseGateway();
    app.AnnounceMode(embedded);
    await ExitCode.RunAsync(app);
});
