using Microsoft.Extensions.Hosting;
using WorkerMesh.Silo.Hosting;

if (HealthProbe.Asked(args) is { } url)
{
    return await HealthProbe.RunAsync(url);
}

return await ExitCode.OfAsync(async () =>
{
    // The silo can't be built before its address is known, which takes a route to the database.
    var database = await ClusterPreparation.RunAsync(args);
    var builder = Host.CreateApplicationBuilder(WorkerMesh.Silo.Hosting.HostDefaults.WithFixedConfiguration(args));
    builder.AddHostDefaults();
    builder.AddClusterSilo(database);
    await ExitCode.RunAsync(builder.Build());
});
