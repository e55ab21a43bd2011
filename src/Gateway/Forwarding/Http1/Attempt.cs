using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>A request on its way to one worker in HTTP/1.1.</summary>
/// <param name="Context">The request.</param>
/// <param name="Request">Where it has been.</param>
/// <param name="Link">The worker.</param>
/// <param name="Endpoint">Where the worker's URL leads.</param>
/// <param name="Target">The path and query below that.</param>
/// <param name="StartedAt">When it was taken there.</param>
/// <param name="ClientGone">Cancelled when the client leaves.</param>
internal readonly record struct Attempt(
    HttpContext Context,
    ForwardedRequest Request,
    WorkerLink Link,
    WorkerEndpoint Endpoint,
    string Target,
    TimeSpan StartedAt,
    CancellationToken ClientGone);
