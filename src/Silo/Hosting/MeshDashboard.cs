using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Dashboard;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// Turns the Orleans dashboard on where it is wanted. Its profiler sleeps a minute after the last look; its live log is
/// hidden everywhere, because logs name what workers said.
/// </summary>
public static class MeshDashboard
{
    /// <summary>What a silo counts.</summary>
    public static void AddMeshDashboard(this ISiloBuilder silo, IConfiguration configuration)
    {
        if (IsEnabled(configuration))
        {
            silo.AddDashboard(dashboard => dashboard.HideTrace = true);
        }
    }

    /// <summary>What a gateway that is not a silo needs to serve the page.</summary>
    public static void AddMeshDashboard(this IClientBuilder client, IConfiguration configuration)
    {
        if (IsEnabled(configuration))
        {
            client.AddDashboard(dashboard => dashboard.HideTrace = true);
        }
    }

    internal static void AddMeshDashboardOptions(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<MeshDashboardOptions>().BindConfiguration(MeshDashboardOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<MeshDashboardOptions>, MeshDashboardOptionsValidator>();
        builder.Services.AddSingleton<IValidateOptions<MeshDashboardOptions>, DashboardCredentialsValidator>();
    }

    private static bool IsEnabled(IConfiguration configuration) =>
        (configuration.GetSection(MeshDashboardOptions.Section).Get<MeshDashboardOptions>() ?? new()).Enabled;
}
