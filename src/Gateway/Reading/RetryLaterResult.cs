using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace WorkerMesh.Gateway.Reading;

/// <summary>A problem that passes: says after how many whole seconds to try again.</summary>
internal sealed class RetryLaterResult(ProblemHttpResult problem, TimeSpan retryAfter)
    : IResult, IStatusCodeHttpResult, IContentTypeHttpResult, IValueHttpResult
{
    public int? StatusCode => problem.StatusCode;

    public string? ContentType => problem.ContentType;

    public object Value => problem.ProblemDetails;

    /// <summary>Rounded up, and never 0: clients would come back at once.</summary>
    public long RetryAfterSeconds => Math.Max(1, (long)Math.Ceiling(retryAfter.TotalSeconds));

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        return problem.ExecuteAsync(httpContext);
    }
}
