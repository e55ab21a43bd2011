using Microsoft.AspNetCore.Diagnostics;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Grains.Storage;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>The one place where faults of the cluster become answers: 503, and when to try again.</summary>
internal sealed class ClusterFaultHandler : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(
        HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        IResult? answer = exception switch
        {
            StoreUnavailableException store => Problems.Unavailable(
                $"{store.Message} So nothing can be stored now. Whether this request took effect is not known; "
                + "it is safe to repeat. Heartbeats and forwarding go on.",
                TimeSpan.FromSeconds(2)),
            ClusterUnavailableException => Problems.Unavailable(
                "The silos do not answer. Whether this request took effect is not known; it is safe to repeat. Forwarding goes on.",
                TimeSpan.FromSeconds(1)),
            BadHttpRequestException { StatusCode: var status } => Problems.UnreadableBody(status),
            OperationCanceledException when httpContext.RequestAborted.IsCancellationRequested => Results.Empty,
            _ => null,
        };
        if (answer is null)
        {
            return false;
        }

        await answer.ExecuteAsync(httpContext);
        return true;
    }
}
