using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Cluster;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains;

/// <summary>What the grains need in a silo, beside a worker store.</summary>
public static class GrainServices
{
    /// <summary>Adds it. The caller adds an <see cref="Storage.IWorkerStore"/>.</summary>
    public static IServiceCollection AddWorkerMeshGrains(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<RegistryOptions>().BindConfiguration(RegistryOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<RegistryOptions>, RegistryOptionsValidator>();
        services.AddAssignmentOptions();
        services.AddSingleton<WorkerHealthProbe>();
        services.AddSingleton<RenewalBatcher>();
        services.AddHostedService(provider => provider.GetRequiredService<RenewalBatcher>());
        services.AddHostedService<CatalogKeeper>();
        return services;
    }

    /// <summary>The assignment catalog, which gateways that have no silo in their process need too.</summary>
    public static IServiceCollection AddAssignmentOptions(this IServiceCollection services)
    {
        services.AddOptions<AssignmentOptions>().BindConfiguration(AssignmentOptions.Section).ValidateOnStart();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<AssignmentOptions>, AssignmentOptionsValidator>());
        return services;
    }
}
