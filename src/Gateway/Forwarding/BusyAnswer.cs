using System.Net;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Tells the answer of a worker that has too much to do: 503 with Retry-After (RFC 9110, sections 15.6.4 and 10.2.3).
/// It says that the request was not done, so another worker may do it whatever the method.
/// </summary>
internal static class BusyAnswer
{
    /// <summary>For how long the worker asks to be left alone; null where it does not.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage answer, DateTimeOffset now)
    {
        if (answer.StatusCode != HttpStatusCode.ServiceUnavailable || answer.Headers.RetryAfter is not { } retryAfter)
        {
            return null;
        }

        var pause = retryAfter.Delta ?? retryAfter.Date - now ?? TimeSpan.Zero;
        return pause > TimeSpan.Zero ? pause : TimeSpan.Zero;
    }
}
