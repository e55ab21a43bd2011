using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// The two methods that are not forwarded. TRACE would show a client what was added to its request on the way, and
/// CONNECT asks for a tunnel to somewhere, which this is not. The extended CONNECT that opens a WebSocket over HTTP/2
/// (RFC 8441) is another thing.
/// </summary>
internal static class RefusedMethods
{
    public static bool Contains(HttpContext context) =>
        HttpMethods.IsTrace(context.Request.Method)
        || (HttpMethods.IsConnect(context.Request.Method)
            && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true });

    /// <summary>405.</summary>
    public static Task Refuse(HttpContext context)
    {
        context.Response.Headers.Allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
        return Problem(context.Request.Method).ExecuteAsync(context);
    }

    private static ProblemHttpResult Problem(string method) => TypedResults.Problem(new ProblemDetails
    {
        Status = StatusCodes.Status405MethodNotAllowed,
        Title = "The method is not forwarded.",
        Detail = $"{method} is refused; every other method is forwarded.",
    });
}
