using System.Net;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>A worker's answer whose bytes count as progress. Its headers have been copied before.</summary>
internal sealed class WatchedContent(HttpContent inner, ProgressWatch watch) : HttpContent
{
    protected override async Task<Stream> CreateContentReadStreamAsync() =>
        new WatchedStream(await inner.ReadAsStreamAsync(), watch, fromClient: false);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        throw new NotSupportedException();

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
