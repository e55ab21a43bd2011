using Microsoft.AspNetCore.Connections.Features;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>How a client is told that nothing more is answered on its connection.</summary>
internal static class LastAnswer
{
    /// <summary>
    /// Has the answer to this request close the connection (RFC 9112, section 9.6), or over HTTP/2 tell the client to send
    /// no further request on it (RFC 9113, section 6.8).
    /// </summary>
    public static void Announce(HttpContext context)
    {
        if (HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            return;
        }

        context.Response.OnStarting(
            static response =>
            {
                ((HttpResponse)response).Headers.Connection = "close";
                return Task.CompletedTask;
            },
            context.Response);
    }
}
