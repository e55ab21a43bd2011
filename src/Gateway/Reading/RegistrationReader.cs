using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>Reads a registration: after this, it is never checked again. Unknown members are ignored.</summary>
internal static class RegistrationReader
{
    private const string ZoneRule = $"{Identifier.Rule}, or null";

    /// <summary>Reads it, and notes all that is wrong with it; null where something is.</summary>
    /// <param name="body">An object from <see cref="JsonText"/>.</param>
    /// <param name="errors">Where errors go.</param>
    public static RegistrationRequest? Read(JsonElement body, FieldErrors errors)
    {
        var before = errors.Count;
        var fields = new JsonFields(body, errors);
        var servicesGiven = fields.Has("services", out _);
        var registration = new Registration
        {
            Urls = ReadUrls(fields, errors),
            Services = ReadServices(fields, errors),
            Capabilities = ReadCapabilities(fields, errors),
            Zone = fields.Text("zone", static t => Identifier.IsValid(t), ZoneRule) is { } zone ? SharedText.Of(zone) : null,
            Weight = (int)(fields.Integer("weight", Registration.MinWeight, Registration.MaxWeight) ?? 1),
            MaxConcurrency = (int?)fields.Integer("max_concurrency", 1, Registration.MaxMaxConcurrency),
            Lease = ReadLease(fields),
            Health = HealthCheckReader.Read(fields, errors),
        };
        var incarnation = fields.Integer("incarnation", 1, long.MaxValue);
        return errors.Count == before ? new(registration, servicesGiven, incarnation) : null;
    }

    private static TimeSpan ReadLease(JsonFields fields) =>
        fields.Number("lease_seconds", Registration.MinLease.TotalSeconds, Registration.MaxLease.TotalSeconds) is { } s
            ? TimeSpan.FromSeconds(s)
            : Registration.DefaultLease;

    private static ImmutableArray<string> ReadUrls(JsonFields fields, FieldErrors errors)
    {
        var one = fields.Has("url", out var url);
        if (!fields.Has("urls", out _))
        {
            if (!one)
            {
                errors.Add(
                    fields.PathOf("url"),
                    "Is missing; give the worker's base URL here, such as 'http://ocr-1:8104', or several in urls.");
                return [];
            }

            return ReadUrl(url, fields.PathOf("url"), errors) is { } only ? [WorkerUrl.Trim(only)] : [];
        }

        if (one)
        {
            errors.Add(fields.PathOf("urls"), "Is there together with url; give one of the two.");
        }

        var urls = ImmutableArray.CreateBuilder<string>();
        var seen = new Dictionary<string, int>();
        foreach (var (item, path, index) in fields.Items("urls", 1, Registration.MaxUrls, "URLs"))
        {
            if (ReadUrl(item, path, errors) is { } text
                && IsFirst(seen, WorkerUrl.Canonical(text), index, path, "urls", errors))
            {
                urls.Add(WorkerUrl.Trim(text));
            }
        }

        return urls.DrainToImmutable();
    }

    private static string? ReadUrl(JsonElement value, string path, FieldErrors errors)
    {
        var fault = value.ValueKind == JsonValueKind.String
            ? WorkerUrl.FindFault(value.GetString()!)
            : $"Must be a URL in a string, such as 'http://ocr-1:8104', not {JsonFields.Describe(value)}.";
        if (fault is null)
        {
            return value.GetString();
        }

        errors.Add(path, fault);
        return null;
    }

    private static ImmutableArray<ServiceType> ReadServices(JsonFields fields, FieldErrors errors)
    {
        var services = ImmutableArray.CreateBuilder<ServiceType>();
        var seen = new Dictionary<string, int>();
        foreach (var (item, path, index) in fields.Items("services", 0, Registration.MaxServices, "service types"))
        {
            if (item.ValueKind != JsonValueKind.String || !ServiceType.TryParse(item.GetString(), out var type))
            {
                errors.Add(path, $"Must be a service type, {Identifier.Rule}, not {JsonFields.Describe(item)}.");
            }
            else if (IsFirst(seen, type.Value, index, path, "services", errors))
            {
                services.Add(type);
            }
        }

        return services.DrainToImmutable();
    }

    private static bool IsFirst(
        Dictionary<string, int> seen, string key, int index, string path, string array, FieldErrors errors)
    {
        if (seen.TryAdd(key, index))
        {
            return true;
        }

        errors.Add(path, $"Repeats {array}[{seen[key]}]; keep one of them.");
        return false;
    }

    public static string ReadCapabilities(JsonFields fields, FieldErrors errors)
    {
        if (fields.OfKind("capabilities", JsonValueKind.Object, "an object") is not { } capabilities)
        {
            return "{}";
        }

        var length = JsonMarshal.GetRawUtf8Value(capabilities).Length;
        if (length > Registration.MaxCapabilitiesBytes)
        {
            errors.Add(
                fields.PathOf("capabilities"),
                $"Must be at most {Registration.MaxCapabilitiesBytes} bytes of JSON, not {length}.");
        }

        return SharedText.Of(capabilities.GetRawText());
    }
}
