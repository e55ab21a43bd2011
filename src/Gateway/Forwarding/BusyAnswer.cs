using System.Net;
using System.Net.Http.Headers;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Tells the answer of a worker that has too much to do: 503 with Retry-After (RFC 9110, sections 15.6.4 and 10.2.3).
/// It says that the request was not done, so another worker may do it whatever the method.
/// </summary>
internal static class BusyAnswer
{
    /// <summary>For how long the worker asks to be left alone; null where it does not.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage answer, TimeProvider clock) =>
        answer.StatusCode == HttpStatusCode.ServiceUnavailable ? Pause(answer.Headers.RetryAfter, clock) : null;

    /// <summary>The same, where the status is 503 and this is the field's value.</summary>
    public static TimeSpan? RetryAfter(string? value, TimeProvider clock) =>
        value is not null && RetryConditionHeaderValue.TryParse(value, out var retryAfter) ? Pause(retryAfter, clock) : null;

    private static TimeSpan? Pause(RetryConditionHeaderValue? retryAfter, TimeProvider clock)
    {
        if (retryAfter is null)
        {
            return null;
        }

        var pause = retryAfter.Delta ?? retryAfter.Date - clock.GetUtcNow() ?? TimeSpan.Zero;
        return pause > TimeSpan.Zero ? pause : TimeSpan.Zero;
    }
}
