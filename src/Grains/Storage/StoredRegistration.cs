using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage;

/// <summary>
/// A registration as JSON text. Silos of different versions read each other's: unknown members are skipped, missing
/// ones have their default. Hence the setters; the source generator would overwrite the defaults of init-only
/// properties.
/// </summary>
internal sealed class StoredRegistration
{
    // The relaxed encoder keeps the quotes within the capabilities at two bytes each instead of six.
    private static readonly StoredJson Json = new(new JsonSerializerOptions(StoredJson.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public string[] Urls { get; set; } = [];

    public string[] Services { get; set; } = [];

    /// <summary>A string, not an object, so that it comes back byte for byte with its escapes.</summary>
    public string Capabilities { get; set; } = "{}";

    public string? Zone { get; set; }

    public int Weight { get; set; } = 1;

    public int? MaxConcurrency { get; set; }

    public TimeSpan Lease { get; set; } = Workers.Registration.DefaultLease;

    public StoredHealthCheck? Health { get; set; }

    public string? VpnIp { get; set; }

    public static string Serialize(Registration registration) => JsonSerializer.Serialize(
        new StoredRegistration
        {
            Urls = [.. registration.Urls],
            Services = [.. registration.Services.Select(service => service.Value)],
            Capabilities = registration.Capabilities,
            Zone = registration.Zone,
            Weight = registration.Weight,
            MaxConcurrency = registration.MaxConcurrency,
            Lease = registration.Lease,
            VpnIp = registration.VpnIp,
            Health = registration.Health is not { } health ? null : new StoredHealthCheck
            {
                Path = health.Path,
                Interval = health.Interval,
                Timeout = health.Timeout,
            },
        },
        Json.StoredRegistration);

    public static Registration Deserialize(string text)
    {
        var stored = JsonSerializer.Deserialize(text, Json.StoredRegistration)
            ?? throw new JsonException("It is null.");
        return new Registration
        {
            Urls = [.. stored.Urls],
            Services = [.. stored.Services.Select(ServiceType.ParseKey)],
            Capabilities = SharedText.Of(stored.Capabilities),
            Zone = stored.Zone is null ? null : SharedText.Of(stored.Zone),
            Weight = stored.Weight,
            MaxConcurrency = stored.MaxConcurrency,
            Lease = stored.Lease,
            VpnIp = stored.VpnIp,
            Health = stored.Health is not { } health ? null : new HealthCheck
            {
                Path = health.Path,
                Interval = health.Interval,
                Timeout = health.Timeout,
            },
        };
    }
}

/// <summary>The health check within <see cref="StoredRegistration"/>.</summary>
internal sealed class StoredHealthCheck
{
    public string Path { get; set; } = "/";

    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(5);

    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(StoredRegistration))]
internal sealed partial class StoredJson : JsonSerializerContext;
