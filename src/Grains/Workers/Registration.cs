using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>What a worker says about itself. Checked at the edge (the gateway's reader) and never again.</summary>
[GenerateSerializer, Immutable, Alias("mesh.Registration")]
public sealed record Registration
{
    public const int MaxUrls = 8;
    public const int MaxServices = 64;
    public const int MaxUrlLength = 2048;
    public const int MaxCapabilitiesBytes = 16 * 1024;
    public const int MinWeight = 1;
    public const int MaxWeight = 1000;
    public const int MaxMaxConcurrency = 1_000_000;
    public static readonly TimeSpan MinLease = TimeSpan.FromSeconds(2);
    public static readonly TimeSpan MaxLease = TimeSpan.FromSeconds(3600);
    public static readonly TimeSpan DefaultLease = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Candidate base URLs, most preferred first; 1 to <see cref="MaxUrls"/>, absolute, http or https.
    /// </summary>
    [Id(0)]
    public required ImmutableArray<string> Urls { get; init; }

    /// <summary>The service types it offers, without duplicates; 0 to <see cref="MaxServices"/>.</summary>
    [Id(1)]
    public required ImmutableArray<ServiceType> Services { get; init; }

    /// <summary>A JSON object as text, at most <see cref="MaxCapabilitiesBytes"/> in UTF-8.</summary>
    [Id(2)]
    public string Capabilities { get; init; } = "{}";

    /// <summary>Where it runs; gateways prefer their own zone.</summary>
    [Id(3)]
    public string? Zone { get; init; }

    /// <summary>Its share of the requests against other workers', 1 to 1000.</summary>
    [Id(4)]
    public int Weight { get; init; } = 1;

    /// <summary>How many requests one gateway may have in flight at it; null is unlimited.</summary>
    [Id(5)]
    public int? MaxConcurrency { get; init; }

    /// <summary>How long it counts as alive without a heartbeat, 2 s to 3600 s.</summary>
    [Id(6)]
    public TimeSpan Lease { get; init; } = DefaultLease;

    /// <summary>The active health check it asks for, if any.</summary>
    [Id(7)]
    public HealthCheck? Health { get; init; }

    /// <summary>
    /// Its address on a VPN, as a worker that speaks the coordinator API gives it; told to others again, not used.
    /// </summary>
    [Id(8)]
    public string? VpnIp { get; init; }

    /// <summary>How often it should send a heartbeat: a third of the lease.</summary>
    public TimeSpan HeartbeatInterval => Lease / 3;

    /// <summary>The URL that is not on the VPN, as the older dialects call it.</summary>
    public string TunnelUrl => VpnIp is not null && Urls.Length > 1 ? Urls[1] : Urls[0];

    /// <summary>The registry grains that hold it: one per service type, or the one for workers without any.</summary>
    public ImmutableArray<ServiceType> RegistryKeys => Services.IsEmpty ? [ServiceType.None] : Services;
}
