using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Reading;

/// <summary>
/// The errors that the API answers with, as RFC 9457 problems. Each 4xx has <c>errors</c>: for each field that is
/// wrong, sentences that say what is wrong and what would be right.
/// </summary>
internal static class Problems
{
    /// <summary>400: members, parameters or the JSON itself are wrong.</summary>
    public static ProblemHttpResult Invalid(FieldErrors errors) => Create(
        StatusCodes.Status400BadRequest, "The request is not valid.", errors.Summarize(), errors.ToDictionary());

    /// <summary>413.</summary>
    public static ProblemHttpResult TooLarge(long limitBytes) => Create(
        StatusCodes.Status413PayloadTooLarge,
        "The request body is too large.",
        "body",
        $"The body is larger than {limitBytes} bytes; send a smaller one.");

    /// <summary>415: a header says that the body is in a form that is not read.</summary>
    public static ProblemHttpResult UnsupportedMediaType(string header, string sentence) => Create(
        StatusCodes.Status415UnsupportedMediaType, "The request body is in a form that is not read.", header, sentence);

    /// <summary>The body broke off, came too slowly, or is not framed as HTTP asks.</summary>
    /// <param name="statusCode">What the server made of it, 400 or 408.</param>
    public static ProblemHttpResult UnreadableBody(int statusCode) => Create(
        statusCode,
        "The request body could not be read.",
        "body",
        "The body broke off, came too slowly or is framed wrongly; send it whole, with a Content-Length or in chunks.");

    /// <summary>404: no such worker.</summary>
    public static ProblemHttpResult UnknownWorker(WorkerId id) => Create(
        StatusCodes.Status404NotFound,
        "The worker is not known.",
        "worker_id",
        $"No worker '{id}' is registered; register it with PUT /api/workers/{id}.");

    /// <summary>409: the sender's incarnation is not the current one.</summary>
    public static ProblemHttpResult Superseded(WorkerId id, long given, long current)
    {
        var problem = Create(
            StatusCodes.Status409Conflict,
            "The worker id has been taken over.",
            "incarnation",
            $"Another process has registered this id, its incarnation is {current} and not {given}; "
                + "register again to take it back, or stop.");
        problem.ProblemDetails.Extensions["worker_id"] = id.Value;
        problem.ProblemDetails.Extensions["incarnation"] = current;
        return problem;
    }

    /// <summary>404: no endpoint has this path.</summary>
    public static ProblemHttpResult NotFoundPath(string? path) => Create(
        StatusCodes.Status404NotFound,
        "There is nothing at this path.",
        "path",
        $"Nothing is served at {Quoted.Text(path)}; GET /openapi/v1.json lists the paths that are.");

    /// <summary>503 with Retry-After.</summary>
    /// <param name="detail">What does not answer, in one sentence.</param>
    /// <param name="retryAfter">When to try again; told in whole seconds, rounded up.</param>
    public static IResult Unavailable(string detail, TimeSpan retryAfter) => new RetryLaterResult(
        TypedResults.Problem(new ProblemDetails
        {
            Status = StatusCodes.Status503ServiceUnavailable,
            Title = "The service is not available right now.",
            Detail = detail,
        }),
        retryAfter);

    private static ProblemHttpResult Create(int status, string title, string field, string sentence) => Create(
        status, title, sentence, new Dictionary<string, string[]> { [field] = [sentence] });

    private static ProblemHttpResult Create(
        int status, string title, string detail, Dictionary<string, string[]> errors) =>
        TypedResults.Problem(new ProblemDetails
        {
            Status = status,
            Title = title,
            Detail = detail,
            Extensions = { ["errors"] = errors },
        });
}
