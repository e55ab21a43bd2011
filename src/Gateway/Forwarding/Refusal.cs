using System.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>Says why a request could not be served, and whether to come back.</summary>
internal sealed class Refusal(GatewayPresence presence)
{
    private const string TooMany =
        "Every worker that offers this service type has as many requests in flight as it takes (max_concurrency), and too "
        + "many wait for a place, or this one waited too long.";

    private const string NoRoom = "This gateway has no room for the request (open files or memory); another one may have.";

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    /// <summary>Of a request that was tried, or found no worker to be tried at.</summary>
    public Task Write(HttpContext context, Route route, ForwardResult result) => Write(
        context,
        route.ServiceType.Value,
        result,
        result.Outcome switch
        {
            ForwardOutcome.NoWorker => WhyNone(route.Snapshot!),
            ForwardOutcome.Refused => TooMany,
            ForwardOutcome.Busy => "The workers that could be reached are busy.",
            ForwardOutcome.NoRoom => NoRoom,
            ForwardOutcome.Unreachable => "No worker could be reached.",
            ForwardOutcome.Unanswered => "The worker broke off before it answered, or its answer was not valid.",
            ForwardOutcome.TimedOut => "The worker did not answer in time.",
            _ => throw new UnreachableException(),
        });

    /// <summary>Of a request for a service type of which nothing can be known.</summary>
    public Task WriteNoRoute(HttpContext context, string serviceType, string why) =>
        Write(context, serviceType, new(ForwardOutcome.NoWorker, 0), why);

    private static string WhyNone(RouteSnapshot snapshot) => snapshot switch
    {
        { All.Length: 0 } => "No worker offers this service type.",
        { Tiers.Length: 0 } => "Every worker that offers this service type is offline or draining.",
        _ => "No worker that offers this service type may take the request now.",
    };

    private Task Write(HttpContext context, string serviceType, ForwardResult result, string detail)
    {
        context.Response.Clear();
        var status = result.Outcome switch
        {
            ForwardOutcome.NoWorker or ForwardOutcome.Busy or ForwardOutcome.NoRoom => StatusCodes.Status503ServiceUnavailable,
            ForwardOutcome.Refused => StatusCodes.Status429TooManyRequests,
            ForwardOutcome.Unreachable or ForwardOutcome.Unanswered => StatusCodes.Status502BadGateway,
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
            problem.Extensions["available_services"] = presence.NamedServices;
            return new RetryLaterResult(TypedResults.Problem(problem), RetryAfter).ExecuteAsync(context);
        }

        problem.Extensions["attempts"] = result.Attempts;
        var answer = TypedResults.Problem(problem);
        return result.Outcome switch
        {
            ForwardOutcome.Refused or ForwardOutcome.Busy => new RetryLaterResult(answer, result.RetryAfter).ExecuteAsync(context),
            ForwardOutcome.NoRoom => new RetryLaterResult(answer, RetryAfter).ExecuteAsync(context),
            _ => answer.ExecuteAsync(context),
        };
    }
}
