using Microsoft.AspNetCore.Mvc;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Dialects;

/// <summary>
/// The healthy workers of a service type as the older dialects list them: from the route, lowest load first.
/// </summary>
internal sealed class ServiceWorkers(RouteTable routes, ClusterCalls cluster, GatewayPresence presence, TimeProvider clock)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Online ones before degraded ones, then lowest load first. Times of heartbeats are null where the cluster does
    /// not answer.
    /// </summary>
    public async Task<IReadOnlyList<ListedWorker>> Healthy(ServiceType type, CancellationToken cancellationToken)
    {
        var route = await routes.Get(type, cancellationToken);
        var heard = await LastHeard(type, cancellationToken);
        var (now, utc) = (clock.Elapsed(), clock.GetUtcNow());
        return
        [
            .. route.Snapshot!.Tiers.SelectMany(tier => tier)
                .OrderBy(i => i.Info.State)
                .ThenBy(i => i.Link.IsSetAside(now))
                .ThenBy(i => i.Info.Load)
                .ThenBy(i => i.Link.InFlight)
                .ThenBy(i => i.Link.Id)
                .Select(i => new ListedWorker(
                    i.Link.Id,
                    i.Info.Registration,
                    i.Info.Registration.Urls[i.Link.Candidate % i.Info.Registration.Urls.Length],
                    i.Info.State,
                    i.Info.Load,
                    heard.TryGetValue(i.Link.Id, out var ago) ? utc - ago : null)),
        ];
    }

    /// <summary>503: nobody offers it.</summary>
    public IResult None(ServiceType type) => new RetryLaterResult(
        TypedResults.Problem(new ProblemDetails
        {
            Status = StatusCodes.Status503ServiceUnavailable,
            Title = $"The request for '{type}' could not be served.",
            Detail = $"No healthy worker offers '{type}'.",
            Extensions =
            {
                ["service"] = type.Value,
                ["available_services"] = presence.NamedServices,
            },
        }),
        RetryAfter);

    private async Task<Dictionary<WorkerId, TimeSpan>> LastHeard(ServiceType type, CancellationToken cancellationToken)
    {
        try
        {
            var heard = await cluster.Call(
                grains => grains.GetGrain<IServiceRegistryGrain>(type.Value).LastHeard(), cancellationToken);
            return heard.ToDictionary(h => h.Id, h => h.Ago);
        }
        catch (Exception e) when (e is ClusterUnavailableException or Grains.Storage.StoreUnavailableException)
        {
            // Discovery goes on without the silos, as forwarding does.
            return [];
        }
    }
}

/// <summary>A worker as the older dialects list it.</summary>
internal sealed record ListedWorker(
    WorkerId Id, Registration Registration, string Url, WorkerState State, double Load, DateTimeOffset? LastHeartbeat);
