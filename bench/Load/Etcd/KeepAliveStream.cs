using Grpc.Core;

namespace WorkerMesh.Load.Etcd;

/// <summary>One stream of keep-alives, for leases that it renews in turn.</summary>
internal sealed class KeepAliveStream(
    AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> call, ReadOnlyMemory<long> leases) : IDisposable
{
    private readonly LeaseKeepAliveRequest request = new();
    private int next;

    public void Dispose() => call.Dispose();

    /// <summary>Sends so many requests, then takes as many answers.</summary>
    public async Task RenewAsync(int count)
    {
        for (var n = 0; n < count; n++)
        {
            request.ID = leases.Span[next++ % leases.Length];
            await call.RequestStream.WriteAsync(request);
        }

        for (var n = 0; n < count; n++)
        {
            if (!await call.ResponseStream.MoveNext(CancellationToken.None) || call.ResponseStream.Current.TTL <= 0)
            {
                throw new InvalidOperationException("A lease was not renewed.");
            }
        }
    }
}
