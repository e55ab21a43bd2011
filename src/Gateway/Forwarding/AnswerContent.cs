using System.Net;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>A worker's answer, read as an <see cref="AnswerStream"/>. Its headers have been copied before.</summary>
internal sealed class AnswerContent(HttpContent inner, HttpResponse? early, ProgressWatch? watch) : HttpContent
{
    protected override async Task<Stream> CreateContentReadStreamAsync() =>
        new AnswerStream(await inner.ReadAsStreamAsync(), early, watch);

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
