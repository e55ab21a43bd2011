using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// How leases, expiry and announcements behave. Configuration section <c>Registry</c>; must be equal on all silos.
/// </summary>
public sealed class RegistryOptions
{
    public const string Section = "Registry";

    /// <summary>
    /// How long the record of a worker is kept after its lease ran out; a heartbeat within it revives the worker.
    /// Longer: workers that never register again survive longer outages. Shorter: the dead leave the lists sooner.
    /// Default 10 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan RecordRetention { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How often a silo sends the renewals it collected, one message per service type. At most a quarter of the
    /// shortest lease in use, or renewals may come late. Longer: fewer messages. Default 0.5 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:00:00.500")]
    public TimeSpan RenewalInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The pause between two announcements to the gateways, in which changes wait for each other; the first one after a
    /// pause does not wait. Longer: fewer messages when many workers register at once. Default 5 ms.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:01")]
    public TimeSpan AnnounceDelay { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>How long a gateway's subscription lives without renewal. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "01:00:00")]
    public TimeSpan WatchExpiry { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Changes of the reported load smaller than this are not announced by themselves: they would wake every watcher at
    /// every heartbeat for nothing that routing can use. Default 0.05.
    /// </summary>
    [Range(0.0, 1.0)]
    public double LoadStep { get; set; } = 0.05;

    /// <summary>
    /// Self-preservation: when more than this share of a service type's leases run out within <see
    /// cref="MassExpiryWindow"/>, the workers turn degraded, not offline, because it is likelier that we stopped
    /// hearing (Eureka's rule). 1 switches it off. Default 0.5.
    /// </summary>
    [Range(0.0, 1.0)]
    public double MassExpiryShare { get; set; } = 0.5;

    /// <summary>
    /// What counts as one moment for self-preservation. About the time between two heartbeats: leases of workers that
    /// fell silent together run out spread over that. Default 5 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan MassExpiryWindow { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The fewest leases for which self-preservation applies. Default 10.</summary>
    [Range(2, int.MaxValue)]
    public int MassExpiryMinimum { get; set; } = 10;

    /// <summary>
    /// How many removals are remembered for watchers that come back; after more they get the whole list. Default 1024.
    /// </summary>
    [Range(1, 1_000_000)]
    public int RemovalsRemembered { get; set; } = 1024;

    /// <summary>
    /// How long no silo must have come or gone before workers that are in memory are moved to where their ids place them,
    /// 200 a second from each silo. Longer than it takes to replace one silo, so that replacing all one after the other is
    /// one change. Default 30 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan RebalanceDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Failed active checks in a row that turn a worker degraded; one success takes it back. Default 2.
    /// </summary>
    [Range(1, 100)]
    public int HealthCheckFailures { get; set; } = 2;
}

[OptionsValidator]
internal sealed partial class RegistryOptionsValidator : IValidateOptions<RegistryOptions>;
