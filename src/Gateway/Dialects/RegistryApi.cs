using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Probing;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Dialects;

/// <summary>The registry API of the first design note: mapping only.</summary>
internal static class RegistryApi
{
    public static void MapRegistryDialect(this IEndpointRouteBuilder app)
    {
        var registry = app.MapGroup("/api/services").WithTags("registry");
        registry.MapPost("/register", Register).WithName("registry_register").WithSummary("Register a worker, its id in the body")
            .WithBody<RegistryRegistrationDocument>()
            .Produces<RegisteredBody>(201).Produces<RegisteredBody>().WithProblems(400, 409, 503);
        registry.MapGet("/find/{service_type}", Find).WithName("registry_find").WithSummary("The workers of a service type and the one to use")
            .Produces<FoundBody>().WithProblems(400, 503);
    }

    private static async Task<IResult> Register(
        HttpRequest request, WorkerCalls calls, ReachabilityProbe probe, RouteTable routes)
    {
        using var body = await JsonBody.ReadAsync(request);
        if (body.Problem is { } problem)
        {
            return problem;
        }

        var errors = new FieldErrors();
        return DialectReader.ReadRegistry(body.Root, errors) is { } read
            ? await WorkersApi.Register(read.Id, read.Registration, read.Incarnation, read.Assign, true, request, calls, probe, routes)
            : Problems.Invalid(errors);
    }

    private static async Task<IResult> Find(string service_type, HttpRequest request, ServiceWorkers services)
    {
        var errors = new FieldErrors();
        if (PathReader.ServiceType(service_type, errors) is not { } type)
        {
            return Problems.Invalid(errors);
        }

        var workers = await services.Healthy(type, request.HttpContext.RequestAborted);
        return workers.Count == 0
            ? services.None(type)
            : TypedResults.Ok(new FoundBody(
                type.Value,
                workers.Select(w => new FoundWorkerBody(
                    w.Id.Value,
                    w.Url,
                    w.Registration.TunnelUrl,
                    new(w.Registration.Capabilities),
                    w.Load,
                    w.LastHeartbeat,
                    Wire.NameOf(w.State),
                    w.Registration.Zone)),
                workers.Count,
                workers[0].Id.Value));
    }
}

internal sealed record RegistryRegistrationDocument(
    string WorkerId, string? ServiceType, string[]? Services, string? Url, string[]? Urls, double? LeaseSeconds);

internal sealed record FoundWorkerBody(
    string WorkerId,
    string Url,
    string TunnelUrl,
    RawJson Capabilities,
    double Load,
    DateTimeOffset? LastHeartbeat,
    string State,
    string? Zone);

internal sealed record FoundBody(string Service, IEnumerable<FoundWorkerBody> Workers, int Count, string Recommended);
