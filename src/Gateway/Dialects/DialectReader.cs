using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Dialects;

/// <summary>
/// Reads what the two older dialects send, into the same registrations and heartbeats as the native API's.
/// </summary>
internal static class DialectReader
{
    /// <summary>The port that workers on a VPN serve on, by convention of the first system.</summary>
    private const int VpnPort = 8000;

    /// <summary>
    /// A registration of the registry API: the native one with the id in the body, and <c>service_type</c> for a single
    /// service.
    /// </summary>
    public static DialectRegistration? ReadRegistry(JsonElement body, FieldErrors errors)
    {
        var before = errors.Count;
        var id = ReadId(body, errors);
        var read = RegistrationReader.Read(body, errors);
        var fields = new JsonFields(body, errors);
        var single = fields.Text("service_type", static t => ServiceType.TryParse(t, out _), $"a service type, {Identifier.Rule}");
        if (single is not null && read is { ServicesGiven: true })
        {
            errors.Add("services", "Is there together with service_type; give one of the two.");
        }

        if (errors.Count != before || read is null)
        {
            return null;
        }

        return single is null
            ? new(id, read.Registration, read.Incarnation, Assign: !read.ServicesGiven)
            : new(id, read.Registration with { Services = [ServiceType.ParseKey(single)] }, read.Incarnation, Assign: false);
    }

    /// <summary>A registration of the coordinator API.</summary>
    /// <param name="body">An object.</param>
    /// <param name="lease">The lease of workers that speak it.</param>
    /// <param name="errors">Where errors go.</param>
    public static DialectRegistration? ReadCoordinator(JsonElement body, TimeSpan lease, FieldErrors errors)
    {
        var before = errors.Count;
        var id = ReadId(body, errors);
        var fields = new JsonFields(body, errors);
        if (!fields.Has("capabilities", out _))
        {
            errors.Add("capabilities", "Is missing; give an object, {} for none.");
        }

        var vpnIp = fields.Text("vpn_ip", static t => t.Length == 0 || IPAddress.TryParse(t, out _), "an IP address, or null");
        vpnIp = vpnIp is { Length: > 0 } ? vpnIp : null;
        var urls = ReadUrls(fields, vpnIp, errors);
        var services = ReadServices(fields, errors);
        var registration = new Registration
        {
            Urls = urls,
            Services = services,
            Capabilities = RegistrationReader.ReadCapabilities(fields, errors),
            Lease = lease,
            VpnIp = vpnIp,
        };
        return errors.Count == before ? new(id, registration, null, Assign: services.IsEmpty) : null;
    }

    /// <summary>
    /// A heartbeat of the coordinator API. Any status but healthy is degraded; what is not known here is kept out.
    /// </summary>
    public static WorkerHeartbeat? ReadHeartbeat(JsonElement body, FieldErrors errors)
    {
        var before = errors.Count;
        var id = ReadId(body, errors);
        var fields = new JsonFields(body, errors);
        var status = fields.Text("status", static _ => true, "a string, such as 'healthy'");
        var beat = new Heartbeat
        {
            Degraded = status is null ? null : !status.Equals("healthy", StringComparison.OrdinalIgnoreCase),
            CurrentLoad = fields.Number("current_load", 0, 1e6),
            ActiveRequests = (int?)fields.Integer("active_requests", 0, 1_000_000_000),
        };
        return errors.Count == before ? new(id, beat) : null;
    }

    /// <summary>A job to send to many workers.</summary>
    public static JobRequest? ReadJob(JsonElement body, FieldErrors errors)
    {
        var before = errors.Count;
        var fields = new JsonFields(body, errors);
        var type = fields.Text("job_type", static t => ServiceType.TryParse(t, out _), $"a service type, {Identifier.Rule}");
        if (type is null && errors.Count == before)
        {
            errors.Add("job_type", "Is missing; name the service type that the job is for.");
        }

        if (!fields.Has("job_data", out _))
        {
            errors.Add("job_data", "Is missing; give an object, {} for none.");
        }

        var data = fields.OfKind("job_data", JsonValueKind.Object, "an object");
        var capability = fields.Text(
            "required_capability", static t => t.Length is > 0 and <= 256, "the name of a capability, 1 to 256 characters, or null");
        return errors.Count == before ? new(ServiceType.ParseKey(type!), data!.Value.GetRawText(), capability) : null;
    }

    private static WorkerId ReadId(JsonElement body, FieldErrors errors)
    {
        var fields = new JsonFields(body, errors);
        if (!fields.Has("worker_id", out _))
        {
            errors.Add("worker_id", $"Is missing; give the worker's id, {Identifier.Rule}.");
            return default;
        }

        var text = fields.Text("worker_id", static t => WorkerId.TryParse(t, out _), $"a worker id, {Identifier.Rule}");
        return WorkerId.TryParse(text, out var id) ? id : default;
    }

    private static ImmutableArray<string> ReadUrls(JsonFields fields, string? vpnIp, FieldErrors errors)
    {
        var tunnel = fields.Text("tunnel_url", static t => t.Length == 0 || WorkerUrl.FindFault(t) is null, "an http or https URL");
        if (string.IsNullOrEmpty(tunnel) && vpnIp is null)
        {
            if (!fields.Has("tunnel_url", out var given) || given.ValueKind == JsonValueKind.String && given.ValueEquals(""))
            {
                errors.Add("tunnel_url", "Is missing; give the worker's base URL, such as 'http://ocr-1:8104'.");
            }

            return [];
        }

        var urls = ImmutableArray.CreateBuilder<string>();
        if (vpnIp is not null)
        {
            var address = IPAddress.Parse(vpnIp);
            var host = address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
            urls.Add($"http://{host}:{VpnPort}");
        }

        if (!string.IsNullOrEmpty(tunnel)
            && !urls.Any(u => WorkerUrl.Canonical(u) == WorkerUrl.Canonical(tunnel)))
        {
            urls.Add(WorkerUrl.Trim(tunnel));
        }

        return urls.DrainToImmutable();
    }

    /// <summary>Names, or objects with a name; objects without one say nothing of what is served.</summary>
    private static ImmutableArray<ServiceType> ReadServices(JsonFields fields, FieldErrors errors)
    {
        var services = ImmutableArray.CreateBuilder<ServiceType>();
        foreach (var (item, path, _) in fields.Items("services", 0, Registration.MaxServices, "services"))
        {
            var (name, at) = item.ValueKind == JsonValueKind.Object
                ? (item.TryGetProperty("name", out var member) ? member : default, $"{path}.name")
                : (item, path);
            if (item.ValueKind == JsonValueKind.Object && name.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
            {
                continue;
            }

            if (name.ValueKind != JsonValueKind.String || !ServiceType.TryParse(name.GetString(), out var type))
            {
                errors.Add(at, $"Must be a service type, {Identifier.Rule}, not {JsonFields.Describe(name)}.");
            }
            else if (!services.Contains(type))
            {
                services.Add(type);
            }
        }

        return services.DrainToImmutable();
    }
}

/// <summary>A registration, whichever dialect it came in.</summary>
internal sealed record DialectRegistration(WorkerId Id, Registration Registration, long? Incarnation, bool Assign);

/// <summary>A job for many workers; the data is a JSON object as text.</summary>
internal sealed record JobRequest(ServiceType Type, string Data, string? RequiredCapability);
