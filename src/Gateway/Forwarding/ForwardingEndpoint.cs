using System.Collections.Frozen;
using System.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// /service/{type} and everything below it: finds the route, forwards, and says why where it could not.
/// </summary>
internal sealed class ForwardingEndpoint(
    RouteTable routes,
    RequestForwarder forwarder,
    SendPlans plans,
    GatewayPresence presence,
    IOptions<AssignmentOptions> assignment)
{
    private const string TooMany =
        "Every worker that offers this service type has as many requests in flight as it takes (max_concurrency), and too "
        + "many wait for a place, or this one waited too long.";

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly FrozenDictionary<string, string> shortNames =
        assignment.Value.Aliases.ToFrozenDictionary(StringComparer.Ordinal);

    public static void Map(IEndpointRouteBuilder app)
    {
        var endpoint = app.ServiceProvider.GetRequiredService<ForwardingEndpoint>();
        // Request delegates: no binding, no filters, nothing between the router and the forwarder.
        foreach (var pattern in (string[])["/service/{type}", "/service/{type}/{**path}"])
        {
            app.Map(pattern, (RequestDelegate)endpoint.Handle).WithMetadata(new UnlimitedBody()).WithDisplayName("forward");
        }
    }

    private Task Handle(HttpContext context)
    {
        if (RefusedMethods.Contains(context))
        {
            return RefusedMethods.Refuse(context);
        }

        if (MessageFraming.IsAmbiguous(context.Request.Headers))
        {
            return MessageFraming.Refuse(context);
        }

        var name = (string)context.Request.RouteValues["type"]!;
        return Find(name) is { } route ? Forward(context, route) : FirstRequest(context, name);
    }

    /// <summary>The route of a name, or of what it is short for where nobody serves the name itself.</summary>
    private Route? Find(string name)
    {
        var route = routes.Find(name);
        return route is { Snapshot.All.Length: 0 } && shortNames.TryGetValue(name, out var full) ? routes.Find(full) : route;
    }

    private async Task FirstRequest(HttpContext context, string name)
    {
        var errors = new FieldErrors();
        if (PathReader.ServiceType(name, errors) is not { } serviceType)
        {
            await Problems.Invalid(errors).ExecuteAsync(context);
            return;
        }

        Route route;
        try
        {
            route = await routes.Get(serviceType, context.RequestAborted);
            if (route is { Snapshot.All.Length: 0 } && shortNames.TryGetValue(name, out var full))
            {
                route = await routes.Get(ServiceType.ParseKey(full), context.RequestAborted);
            }
        }
        catch (ClusterUnavailableException)
        {
            await Refuse(context, name, new(ForwardOutcome.NoWorker, 0), "No silo answers, and this gateway has no route for it yet.");
            return;
        }

        await Forward(context, route);
    }

    private async Task Forward(HttpContext context, Route route)
    {
        if (!TargetPath.TryFind(context, route.ServiceType.Value, out var target))
        {
            var errors = new FieldErrors();
            errors.Add("path", "Holds a '.' or '..' segment; write the path without.");
            await Problems.Invalid(errors).ExecuteAsync(context);
            return;
        }

        if (plans.Find(context.Request, route.ServiceType.Value, out var faults) is not { } plan)
        {
            await Problems.Invalid(faults!).ExecuteAsync(context);
            return;
        }

        if (RequestWishes.Read(context.Request.Headers, out var wishes) is { } refused)
        {
            await Problems.Invalid(refused).ExecuteAsync(context);
            return;
        }

        var result = await forwarder.Forward(context, route, wishes, target, plan);
        switch (result.Outcome)
        {
            case ForwardOutcome.Answered or ForwardOutcome.ClientGone or ForwardOutcome.Broken:
                return;
            case ForwardOutcome.NoWorker:
                await Refuse(context, route.ServiceType.Value, result, WhyNone(route.Snapshot!));
                return;
            case ForwardOutcome.Refused:
                await Refuse(context, route.ServiceType.Value, result, TooMany);
                return;
            case ForwardOutcome.Busy:
                await Refuse(context, route.ServiceType.Value, result, "The workers that could be reached are busy.");
                return;
            case ForwardOutcome.Unreachable:
                await Refuse(context, route.ServiceType.Value, result, "No worker could be reached.");
                return;
            case ForwardOutcome.TimedOut:
                await Refuse(context, route.ServiceType.Value, result, "The worker did not answer in time.");
                return;
            default:
                throw new UnreachableException();
        }
    }

    private static string WhyNone(RouteSnapshot snapshot) => snapshot switch
    {
        { All.Length: 0 } => "No worker offers this service type.",
        { Tiers.Length: 0 } => "Every worker that offers this service type is offline or draining.",
        _ => "No worker that offers this service type may take the request now.",
    };

    private Task Refuse(HttpContext context, string serviceType, ForwardResult result, string detail)
    {
        context.Response.Clear();
        var status = result.Outcome switch
        {
            ForwardOutcome.NoWorker or ForwardOutcome.Busy => StatusCodes.Status503ServiceUnavailable,
            ForwardOutcome.Refused => StatusCodes.Status429TooManyRequests,
            ForwardOutcome.Unreachable => StatusCodes.Status502BadGateway,
            _ => StatusCodes.Status504GatewayTimeout,
        };
        var problem = new ProblemDetails
        {
            Status = status,
            Title = $"The request for '{serviceType}' could not be served.",
            Detail = detail,
            Extensions = { ["service"] = serviceType },
        };
        if (result.Outcome == ForwardOutcome.NoWorker)
        {
            problem.Extensions["available_services"] = presence.KnownServices.Select(s => s.Value);
            return new RetryLaterResult(TypedResults.Problem(problem), RetryAfter).ExecuteAsync(context);
        }

        problem.Extensions["attempts"] = result.Attempts;
        var answer = TypedResults.Problem(problem);
        return result.Outcome is ForwardOutcome.Refused or ForwardOutcome.Busy
            ? new RetryLaterResult(answer, result.RetryAfter).ExecuteAsync(context)
            : answer.ExecuteAsync(context);
    }

    /// <summary>Bodies are streamed and never held whole, so their size does not matter.</summary>
    private sealed class UnlimitedBody : Microsoft.AspNetCore.Http.Metadata.IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
