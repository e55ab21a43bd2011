using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using WorkerMesh.Gateway.Probing;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>From the mesh's own types to what is sent; names are turned into snake_case by the serializer.</summary>
internal static class Wire
{
    public static string NameOf(WorkerState state) => state switch
    {
        WorkerState.Online => "online",
        WorkerState.Degraded => "degraded",
        WorkerState.Draining => "draining",
        WorkerState.Offline => "offline",
        _ => throw new UnreachableException(),
    };

    public static ReachabilityBody Of(Reachability found) => new(
        found.Status switch
        {
            ReachabilityStatus.Reachable => "reachable",
            ReachabilityStatus.Unreachable => "unreachable",
            _ => "unchecked",
        },
        found.Url,
        found.Detail);

    public static StateCountsBody Of(StateCounts counts) =>
        new(counts.Total, counts.Online, counts.Degraded, counts.Draining, counts.Offline);

    public static HealthCheckBody? Of(HealthCheck? check) =>
        check is null ? null : new(check.Path, check.Interval.TotalSeconds, check.Timeout.TotalSeconds);

    public static WorkerBody Of(WorkerDescription worker, WorkerLink? link, DateTimeOffset now)
    {
        var (record, registration) = (worker.Record, worker.Record.Registration);
        var remaining = registration.Lease - worker.HeardAgo;
        return new(
            record.Id.Value,
            registration.Urls[0],
            registration.Urls,
            registration.Services.Select(s => s.Value),
            new(registration.Capabilities),
            registration.Zone,
            registration.Weight,
            registration.MaxConcurrency,
            Of(registration.Health),
            record.Incarnation,
            record.RegisteredAt,
            NameOf(worker.State),
            worker.ReportsDegraded ? "degraded" : "healthy",
            registration.Health is null ? null : worker.FailsCheck ? "failing" : "passing",
            worker.UnreachableFor > TimeSpan.Zero,
            worker.Load,
            worker.ActiveRequests,
            registration.Lease.TotalSeconds,
            new(registration.Lease.TotalSeconds, Math.Max(0, Math.Round(remaining.TotalSeconds, 3)), now - worker.HeardAgo),
            new(
                worker.Counters.Heartbeats,
                worker.Counters.Revivals,
                worker.Counters.HealthChecks,
                worker.Counters.HealthCheckFailures,
                link?.Requests ?? 0,
                link?.Failures ?? 0));
    }

    public static InstanceBody Of(Instance instance, TimeSpan now)
    {
        var (info, registration) = (instance.Info, instance.Info.Registration);
        return new(
            instance.Link.Id.Value,
            registration.Urls[instance.Link.Candidate % registration.Urls.Length],
            registration.Urls,
            NameOf(info.State),
            info.Load,
            info.ActiveRequests,
            new(registration.Capabilities),
            registration.Zone,
            registration.Weight,
            registration.MaxConcurrency,
            info.Incarnation,
            instance.Link.InFlight,
            Math.Round(instance.Link.LatencySeconds(now), 6),
            instance.Link.IsSetAside(now),
            instance.Link.IsBusy(now),
            info.Unreachable);
    }
}

internal sealed record ReachabilityBody(string Status, string? Url, string? Detail);

internal sealed record RegisteredBody(
    string WorkerId,
    long Incarnation,
    string[] Services,
    double LeaseSeconds,
    double HeartbeatSeconds,
    ReachabilityBody Reachability);

internal sealed record HealthCheckBody(string Path, double IntervalSeconds, double TimeoutSeconds);

internal sealed record LeaseBody(double Seconds, double RemainingSeconds, DateTimeOffset LastHeartbeat);

/// <summary>Counts since the worker's grain came into memory; the last two are of the gateway that answers.</summary>
internal sealed record CountersBody(
    long Heartbeats,
    long Revivals,
    long HealthChecks,
    long HealthCheckFailures,
    long GatewayRequests,
    long GatewayFailures);

internal sealed record WorkerBody(
    string WorkerId,
    string Url,
    IEnumerable<string> Urls,
    IEnumerable<string> Services,
    RawJson Capabilities,
    string? Zone,
    int Weight,
    int? MaxConcurrency,
    HealthCheckBody? Health,
    long Incarnation,
    DateTimeOffset RegisteredAt,
    string State,
    string ReportedStatus,
    string? HealthCheck,
    bool Unreachable,
    double Load,
    int ActiveRequests,
    double LeaseSeconds,
    LeaseBody Lease,
    CountersBody Counters);

internal sealed record WorkerPageBody(IEnumerable<WorkerBody> Workers, int Count, string? Next);

internal sealed record HeartbeatBody(
    string WorkerId,
    string Status,
    long Incarnation,
    string State,
    double LeaseSeconds,
    double HeartbeatSeconds);

/// <summary>One worker's outcome of a batch: renewed, unknown, superseded, or unavailable (try again).</summary>
internal sealed record HeartbeatResultBody(string WorkerId, string Status, long? Incarnation, string? State);

internal sealed record HeartbeatResultsBody(IEnumerable<HeartbeatResultBody> Results, int Renewed);

internal sealed record DrainBody(string WorkerId, long Incarnation, bool Draining, int GatewayInFlight);

internal sealed record StateCountsBody(int Total, int Online, int Degraded, int Draining, int Offline);

internal sealed record ServiceBody(string Service, StateCountsBody Workers);

internal sealed record ServicesBody(IEnumerable<ServiceBody> Services, int Count);

/// <summary>
/// A worker that offers a service type; what begins with gateway is what the gateway that answers has seen of it, and
/// unreachable is what any of them has: it can't connect to it.
/// </summary>
internal sealed record InstanceBody(
    string WorkerId,
    string Url,
    IEnumerable<string> Urls,
    string State,
    double Load,
    int ActiveRequests,
    RawJson Capabilities,
    string? Zone,
    int Weight,
    int? MaxConcurrency,
    long Incarnation,
    int GatewayInFlight,
    double GatewayLatencySeconds,
    bool GatewaySetAside,
    bool GatewayBusy,
    bool Unreachable);

internal sealed record InstancesBody(string Service, long Index, IEnumerable<InstanceBody> Workers, int Count);

internal sealed record RemovedBody(string WorkerId);

/// <summary>A JSON value that is sent as it was received.</summary>
[JsonConverter(typeof(Converter))]
internal readonly record struct RawJson(string Text)
{
    private sealed class Converter : JsonConverter<RawJson>
    {
        public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            using var document = JsonDocument.ParseValue(ref reader);
            return new(document.RootElement.GetRawText());
        }

        public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) =>
            writer.WriteRawValue(value.Text, skipInputValidation: true);
    }
}
