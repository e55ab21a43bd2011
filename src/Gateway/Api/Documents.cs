using System.Text.Json;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// What requests may hold, for the OpenAPI document only: bodies are read by the readers, which name every fault.
/// </summary>
internal sealed record RegistrationDocument(
    string? Url,
    string[]? Urls,
    string[] Services,
    Dictionary<string, JsonElement>? Capabilities,
    string? Zone,
    int? Weight,
    int? MaxConcurrency,
    double? LeaseSeconds,
    HealthCheckBody? Health,
    long? Incarnation);

internal sealed record HeartbeatDocument(long? Incarnation, string? Status, double? CurrentLoad, int? ActiveRequests);

internal sealed record WorkerHeartbeatDocument(
    string WorkerId, long? Incarnation, string? Status, double? CurrentLoad, int? ActiveRequests);

internal sealed record HeartbeatsDocument(WorkerHeartbeatDocument[] Workers);

/// <summary>
/// What the OpenAPI document says of an endpoint's body. Not Accepts(), which would refuse curl's default content type.
/// </summary>
internal sealed record DocumentedBody(Type Type);

internal static class EndpointDocumentation
{
    public static RouteHandlerBuilder WithBody<T>(this RouteHandlerBuilder endpoint) =>
        endpoint.WithMetadata(new DocumentedBody(typeof(T)));

    public static RouteHandlerBuilder WithProblems(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
        {
            endpoint.ProducesProblem(status);
        }

        return endpoint;
    }
}
