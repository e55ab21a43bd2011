using System.Net.Http.Json;
using System.Text;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A client of one HTTP server, which sends paths as they are written.</summary>
public sealed class Api(Uri address) : IDisposable
{
    private static readonly UriCreationOptions AsWritten = new()
    {
        DangerousDisablePathAndQueryCanonicalization = true,
    };

    public Uri Address => address;

    public HttpClient Http { get; } = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        // Or the 101st request over HTTP/2 waits for one of the others to end.
        EnableMultipleHttp2Connections = true,
        // Nothing is added to what a test sends.
        ActivityHeadersPropagator = null,
    })
    {
        Timeout = TimeSpan.FromSeconds(90),
    };

    public Uri Uri(string path) => new(address.GetLeftPart(UriPartial.Authority) + path, AsWritten);

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<Answer> PutAsync(string path, object body) => SendAsync(HttpMethod.Put, path, body);

    public Task<Answer> PostAsync(string path, object? body = null) => SendAsync(HttpMethod.Post, path, body);

    public Task<Answer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    /// <summary>Sends a request; the body is content, text that is sent as JSON as it stands, or an object.</summary>
    public async Task<Answer> SendAsync(
        HttpMethod method, string path, object? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, Uri(path));
        request.Content = body switch
        {
            null => null,
            HttpContent content => content,
            string text => new StringContent(text, Encoding.UTF8, "application/json"),
            _ => JsonContent.Create(body),
        };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await SendAsync(request);
    }

    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        var token = TestContext.Current.CancellationToken;
        using var response = await Http.SendAsync(request, token);
        return new(
            $"{request.Method} {request.RequestUri}",
            (int)response.StatusCode,
            response.Headers,
            response.Content.Headers.ContentType?.MediaType,
            await response.Content.ReadAsStringAsync(token));
    }

    public void Dispose() => Http.Dispose();
}
