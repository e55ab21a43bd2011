using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Routing;

/// <summary>What is configured for one route.</summary>
/// <param name="Zone">The gateway's zone.</param>
/// <param name="Queue">How many requests may wait for a place, and for how long.</param>
/// <param name="RetryShare">What each request earns of a retry (<see cref="RetryBudget"/>).</param>
internal readonly record struct RouteSettings(string? Zone, QueueLimits Queue, double RetryShare)
{
    /// <summary>As the options say for a service type.</summary>
    public static RouteSettings Of(ServiceType serviceType, GatewayOptions options)
    {
        var own = options.Services.GetValueOrDefault(serviceType.Value);
        return new(
            options.Zone,
            new(own?.QueueLength ?? options.QueueLength, own?.QueueTimeout ?? options.QueueTimeout),
            options.RetryShare);
    }
}
