using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Requests that say in two ways where their body ends (RFC 9112, section 6.3). The server takes one of the two; what is
/// in front of this gateway may take the other, and send on as a body what here is somebody else's request. So they are
/// refused, and the connection is used no further.
/// </summary>
internal static class MessageFraming
{
    /// <summary>What the server makes of Content-Length where there is Transfer-Encoding too.</summary>
    private const string SetAside = "X-Content-Length";

    public static bool IsAmbiguous(IHeaderDictionary headers) =>
        headers.TransferEncoding.Count > 0
        && (headers.TransferEncoding.Count > 1
            || !string.Equals(headers.TransferEncoding[0], "chunked", StringComparison.OrdinalIgnoreCase)
            || headers.ContentLength is not null
            || headers.ContainsKey(SetAside));

    /// <summary>400.</summary>
    public static Task Refuse(HttpContext context)
    {
        context.Response.Headers.Connection = "close";
        var errors = new FieldErrors();
        errors.Add("Transfer-Encoding", "Must be 'chunked', once, and without a Content-Length beside it.");
        return Problems.Invalid(errors).ExecuteAsync(context);
    }
}
