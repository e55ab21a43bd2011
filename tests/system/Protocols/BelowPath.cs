namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Puts a path in front of a gRPC client's calls, which it by itself can't.</summary>
internal sealed class BelowPath(string path, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = new(request.RequestUri!.GetLeftPart(UriPartial.Authority) + path + request.RequestUri.AbsolutePath);
        return base.SendAsync(request, cancellationToken);
    }
}
