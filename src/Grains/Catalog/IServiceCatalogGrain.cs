using System.Collections.Immutable;
using Orleans.Concurrency;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Catalog;

/// <summary>
/// Which service types exist, and which gateways there are. One grain (key 0), told by registries and gateways at most
/// about once a second each, never by workers.
/// </summary>
[Alias("mesh.IServiceCatalogGrain")]
public interface IServiceCatalogGrain : IGrainWithIntegerKey
{
    /// <summary>A registry tells its counts. A service type without workers leaves the catalog.</summary>
    [Alias("Report")]
    Task Report(ServiceReport report);

    /// <summary>Every known service type with its counts, in ordinal order.</summary>
    [Alias("List")]
    Task<ServiceCatalog> List();

    /// <summary>
    /// Announces a gateway, or renews that (it is forgotten after <see cref="GatewayLease"/>), and answers with the
    /// names of the service types where they differ from the version that the gateway has.
    /// </summary>
    [Alias("Watch")]
    Task<CatalogNames?> Watch(ICatalogWatcher watcher, GatewayInfo gateway, long knownVersion);

    /// <summary>A gateway that shuts down takes itself off the list.</summary>
    [Alias("Unwatch")]
    Task Unwatch(ICatalogWatcher watcher, string gatewayId);

    /// <summary>The gateways that were heard from lately.</summary>
    [ReadOnly, Alias("ListGateways")]
    Task<ImmutableArray<GatewayInfo>> ListGateways();

    /// <summary>
    /// Assigns services to a worker that names none. Decided one worker after another, each seeing what those before
    /// were given, also before that shows in the registries.
    /// </summary>
    /// <param name="id">The worker; what it serves already does not count.</param>
    /// <param name="capabilities">Its capabilities, a JSON object.</param>
    [Alias("Assign")]
    Task<ImmutableArray<ServiceType>> Assign(WorkerId id, string capabilities);

    /// <summary>
    /// Brings the catalog into memory, and with it the registries, whose leases otherwise nobody would watch.
    /// </summary>
    [Alias("Awaken")]
    Task Awaken();

    /// <summary>How long a gateway stays listed without being heard from.</summary>
    static readonly TimeSpan GatewayLease = TimeSpan.FromSeconds(15);
}

/// <summary>Receives the names of the service types when they change. Best effort.</summary>
[Alias("mesh.ICatalogWatcher")]
public interface ICatalogWatcher : IGrainObserver
{
    [OneWay, Alias("OnNames")]
    Task OnNames(CatalogNames names);
}

/// <summary>The service types with their workers.</summary>
/// <param name="Services">One report each, without <see cref="ServiceType.None"/>.</param>
/// <param name="Workers">All workers by state, each counted once.</param>
[GenerateSerializer, Immutable, Alias("mesh.ServiceCatalog")]
public sealed record ServiceCatalog(ImmutableArray<ServiceReport> Services, StateCounts Workers);

/// <summary>The names of the service types.</summary>
/// <param name="Version">
/// Grows with each change; begins with the wall clock's microseconds, so it differs between activations.
/// </param>
/// <param name="Names">In ordinal order.</param>
[GenerateSerializer, Immutable, Alias("mesh.CatalogNames")]
public sealed record CatalogNames(long Version, ImmutableArray<ServiceType> Names);

/// <summary>A gateway as it announces itself.</summary>
/// <param name="Id">Unique to the process.</param>
/// <param name="Host">The name of its machine or container.</param>
/// <param name="Addresses">The addresses it listens on.</param>
/// <param name="Zone">Its zone, if it has one.</param>
/// <param name="StartedAt">When it started, UTC.</param>
[GenerateSerializer, Immutable, Alias("mesh.GatewayInfo")]
public sealed record GatewayInfo(
    string Id,
    string Host,
    ImmutableArray<string> Addresses,
    string? Zone,
    DateTimeOffset StartedAt);
