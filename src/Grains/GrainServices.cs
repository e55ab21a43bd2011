using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Services;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Cluster;
using WorkerMesh.Grains.Memory;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains;

/// <summary>What the grains need in a silo, beside a worker store.</summary>
public static class GrainServices
{
    /// <summary>Adds it. The caller adds an <see cref="Storage.IWorkerStore"/>.</summary>
    /// <param name="services">The silo's services.</param>
    /// <param name="alone">Whether there never is another silo (<see cref="LiveWorkers"/>).</param>
    public static IServiceCollection AddWorkerMeshGrains(this IServiceCollection services, bool alone = false)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<MemoryLimit>();
        services.AddOptions<RegistryOptions>().BindConfiguration(RegistryOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<RegistryOptions>, RegistryOptionsValidator>();
        services.AddAssignmentOptions();
        services.AddSingleton<WorkerHealthProbe>();
        services.AddSingleton<RenewalBatcher>();
        services.AddSingleton(provider =>
        {
            var membership = provider.GetRequiredService<IClusterMembershipService>();
            var here = provider.GetRequiredService<ILocalSiloDetails>().SiloAddress;
            return new RenewalDetour(
                () => membership.FindActive().Where(silo => !silo.Equals(here)),
                provider.GetRequiredService<IGrainFactory>(),
                provider.GetRequiredService<TimeProvider>());
        });
        services.AddSingleton<RegistryLanes>();
        services.AddSingleton(_ => new LocalRegistries());
        services.AddSingleton(provider => new LiveWorkers(
            provider.GetRequiredService<RenewalBatcher>(), provider.GetRequiredService<TimeProvider>(), alone,
            alone ? null : provider.GetRequiredService<ILocalSiloDetails>().GatewayAddress));
        if (alone)
        {
            services.AddSingleton(provider => new DirectRegistrations(
                provider.GetRequiredService<LiveWorkers>(),
                provider.GetRequiredService<IWorkerStore>(),
                provider.GetRequiredService<RegistryLanes>(),
                provider.GetRequiredService<IGrainFactory>(),
                provider.GetRequiredService<TimeProvider>()));
            // Those that did not leave by themselves: they are activated again at no more than the cost of a call.
            services.Configure<GrainCollectionOptions>(
                collection => collection.ClassSpecificCollectionAge[typeof(WorkerGrain).FullName!] = TimeSpan.FromMinutes(2));
        }
        else
        {
            services.AddSingleton<IGrainService>(provider => ActivatorUtilities.CreateInstance<HeartbeatsService>(provider));
            services.AddSingleton<IGrainService>(provider => ActivatorUtilities.CreateInstance<RegistrationsService>(provider));
            services.AddHostedService<WorkerRebalancer>();
            services.AddHostedService<RegistryReconciler>();
        }

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
