using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Dialects;

/// <summary>The coordinator API, as far as workers use it: register, renew, unregister, find. Mapping only.</summary>
internal static class CoordinatorApi
{
    public static void MapCoordinatorDialect(this IEndpointRouteBuilder app)
    {
        var worker = app.MapGroup("/api/worker").WithTags("coordinator");
        worker.MapPost("/register", Register).WithName("coordinator_register").WithSummary("Register; services are assigned where none are named")
            .WithBody<CoordinatorRegistrationDocument>().Produces<CoordinatorRegisteredBody>().WithProblems(400, 503);
        worker.MapPost("/heartbeat", Heartbeat).WithName("coordinator_heartbeat").WithSummary("Renew the lease, report load")
            .WithBody<CoordinatorHeartbeatDocument>().Produces<StatusBody>().WithProblems(400, 404, 503);
        worker.MapDelete("/unregister/{worker_id}", Unregister).WithName("coordinator_unregister").WithSummary("Unregister")
            .Produces<StatusBody>().WithProblems(400, 404, 503);
        worker.MapGet("/find/{service_type}", Find).WithName("coordinator_find").WithSummary("The worker to use for a service type")
            .Produces<WorkerUrlBody>().WithProblems(400, 404, 503);
        app.MapGet("/api/services/discover/{service_type}", Discover).WithTags("coordinator").WithName("coordinator_discover")
            .WithSummary("The healthy workers of a service type, lowest load first").Produces<DiscoveredBody>().WithProblems(400, 503);
    }

    private static async Task<IResult> Register(HttpRequest request, WorkerCalls calls, IOptions<AssignmentOptions> assignment)
    {
        using var body = await JsonBody.ReadAsync(request);
        if (body.Problem is { } problem)
        {
            return problem;
        }

        var errors = new FieldErrors();
        if (DialectReader.ReadCoordinator(body.Root, assignment.Value.CoordinatorLease, errors) is not { } read)
        {
            return Problems.Invalid(errors);
        }

        var answer = await calls.Register(read.Id, read.Registration, null, read.Assign);
        var services = answer.Record.Registration.Services;
        var profile = WorkerProfile.Of(answer.Record.Registration.Capabilities);
        var configs = assignment.Value.Catalog
            .Where(s => services.Any(given => given.Value == s.Name))
            .Select(s => new ServiceConfigBody(s.Name, s.Port, s.Priority));
        return TypedResults.Ok(new CoordinatorRegisteredBody(
            "registered",
            read.Id.Value,
            profile.Type,
            profile.Tier,
            services.Select(s => s.Value),
            configs,
            $"Worker {read.Id} registered with {services.Length} services."));
    }

    private static async Task<IResult> Heartbeat(HttpRequest request, WorkerCalls calls)
    {
        using var body = await JsonBody.ReadAsync(request);
        if (body.Problem is { } problem)
        {
            return problem;
        }

        var errors = new FieldErrors();
        if (DialectReader.ReadHeartbeat(body.Root, errors) is not { } read)
        {
            return Problems.Invalid(errors);
        }

        var answer = await calls.Heartbeat(read.Id, read.Beat);
        return answer.Outcome == HeartbeatOutcome.Renewed
            ? TypedResults.Ok(new StatusBody("ok", null))
            : Problems.UnknownWorker(read.Id);
    }

    private static async Task<IResult> Unregister(string worker_id, WorkerCalls calls)
    {
        var errors = new FieldErrors();
        if (PathReader.WorkerId(worker_id, errors) is not { } id)
        {
            return Problems.Invalid(errors);
        }

        return await calls.Unregister(id)
            ? TypedResults.Ok(new StatusBody("ok", $"Worker {id} unregistered."))
            : Problems.UnknownWorker(id);
    }

    private static async Task<IResult> Find(string service_type, ServiceWorkers services, CancellationToken cancellationToken)
    {
        var errors = new FieldErrors();
        if (PathReader.ServiceType(service_type, errors) is not { } type)
        {
            return Problems.Invalid(errors);
        }

        var workers = await services.Healthy(type, cancellationToken);
        return workers.Count == 0
            ? NoWorker(type)
            : TypedResults.Ok(new WorkerUrlBody(workers[0].Id.Value, workers[0].Url));
    }

    private static async Task<IResult> Discover(string service_type, ServiceWorkers services, CancellationToken cancellationToken)
    {
        var errors = new FieldErrors();
        if (PathReader.ServiceType(service_type, errors) is not { } type)
        {
            return Problems.Invalid(errors);
        }

        var workers = await services.Healthy(type, cancellationToken);
        return workers.Count == 0
            ? services.None(type)
            : TypedResults.Ok(new DiscoveredBody(
                type.Value,
                workers.Select(w => new DiscoveredWorkerBody(
                    w.Id.Value,
                    w.Registration.TunnelUrl,
                    w.Registration.VpnIp,
                    new(w.Registration.Capabilities),
                    w.Load,
                    w.LastHeartbeat)),
                workers.Count,
                workers[0].Id.Value));
    }

    private static ProblemHttpResult NoWorker(ServiceType type) => TypedResults.Problem(new ProblemDetails
    {
        Status = StatusCodes.Status404NotFound,
        Title = "No worker was found.",
        Detail = $"No healthy worker offers '{type}'.",
        Extensions =
        {
            ["errors"] = new Dictionary<string, string[]> { ["service_type"] = [$"No healthy worker offers '{type}'."] },
        },
    });
}

internal sealed record CoordinatorRegistrationDocument(
    string WorkerId, string TunnelUrl, Dictionary<string, object> Capabilities, object[]? Services, object[]? Containers, string? VpnIp);

internal sealed record CoordinatorHeartbeatDocument(string WorkerId, string? Status, double? CurrentLoad, int? ActiveRequests);

internal sealed record ServiceConfigBody(string Name, int Port, int Priority);

internal sealed record CoordinatorRegisteredBody(
    string Status,
    string WorkerId,
    string WorkerType,
    int Tier,
    IEnumerable<string> AssignedServices,
    IEnumerable<ServiceConfigBody> ServiceConfigs,
    string Message);

internal sealed record StatusBody(string Status, string? Message);

internal sealed record WorkerUrlBody(string WorkerId, string WorkerUrl);

internal sealed record DiscoveredWorkerBody(
    string WorkerId, string TunnelUrl, string? VpnIp, RawJson Capabilities, double Load, DateTimeOffset? LastHeartbeat);

internal sealed record DiscoveredBody(string Service, IEnumerable<DiscoveredWorkerBody> Workers, int Count, string Recommended);
