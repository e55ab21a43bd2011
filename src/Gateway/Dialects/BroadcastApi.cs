using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using WorkerMesh.Gateway.Api;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Dialects;

/// <summary>One job for every capable worker.</summary>
internal static class BroadcastApi
{
    public static void MapBroadcast(this IEndpointRouteBuilder app) => app.MapPost("/api/coordinator/broadcast-job", Broadcast)
        .WithTags("coordinator").WithName("broadcast_job").WithSummary("Send a job to every capable worker, a result or an error for each")
        .WithBody<JobDocument>().Produces<BroadcastBody>().WithProblems(400, 503);

    private static async Task<IResult> Broadcast(HttpRequest request, WorkerCalls calls, JobSender sender)
    {
        using var body = await JsonBody.ReadAsync(request);
        if (body.Problem is { } problem)
        {
            return problem;
        }

        var errors = new FieldErrors();
        if (DialectReader.ReadJob(body.Root, errors) is not { } job)
        {
            return Problems.Invalid(errors);
        }

        var capable = Capable(await calls.ListAll(), job);
        if (capable.Count == 0)
        {
            return NoneCapable(job);
        }

        var results = await sender.Send(job, capable, request.HttpContext.RequestAborted);
        return TypedResults.Ok(new BroadcastBody(
            job.Type.Value, results.Count, results.Count(r => r.Status == JobResultBody.Success), results));
    }

    /// <summary>
    /// The healthy workers that have the capability and offer the job's type. Where nobody offers that type it is no
    /// service type, and all who have the capability are asked.
    /// </summary>
    private static List<WorkerDescription> Capable(IReadOnlyList<WorkerDescription> workers, JobRequest job)
    {
        var healthy = workers.Where(w => w.State.IsHealthy()).ToList();
        if (job.RequiredCapability is { } capability)
        {
            var term = new CapabilityTerm(capability, "", "", 0);
            healthy.RemoveAll(w => !CapabilityTerm.AllHold([term], w.Record.Registration.Capabilities));
        }

        return workers.Any(Offers) ? healthy.FindAll(Offers) : healthy;

        bool Offers(WorkerDescription worker) => worker.Record.Registration.Services.Contains(job.Type);
    }

    private static RetryLaterResult NoneCapable(JobRequest job)
    {
        ProblemHttpResult problem = TypedResults.Problem(new ProblemDetails
        {
            Status = StatusCodes.Status503ServiceUnavailable,
            Title = "The job could not be sent.",
            Detail = job.RequiredCapability is { } capability
                ? $"No healthy worker has the capability {Quoted.Text(capability)} and offers '{job.Type}'."
                : $"No healthy worker offers '{job.Type}'.",
            Extensions = { ["service"] = job.Type.Value },
        });
        return new(problem, TimeSpan.FromSeconds(1));
    }
}

internal sealed record JobDocument(string JobType, Dictionary<string, object> JobData, string? RequiredCapability);

/// <summary>What became of the job at one worker; the result is what it answered, where that was JSON.</summary>
internal sealed record JobResultBody(string WorkerId, string Status, string Message, RawJson? Result)
{
    public const string Success = "success";
    public const string Error = "error";
}

internal sealed record BroadcastBody(string JobType, int BroadcastedTo, int Successful, IEnumerable<JobResultBody> Workers);
