using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Reading;

/// <summary>The same over real connections, where the server has a say about bodies too.</summary>
public sealed class JsonBodyOverKestrelTests : IAsyncLifetime
{
    private const int ServerLimit = 2000;
    private const int Limit = 3000;

    private readonly WebApplication server = Create();
    private readonly HttpClient client = new();

    public async ValueTask InitializeAsync()
    {
        await server.StartAsync(TestContext.Current.CancellationToken);
        client.BaseAddress = new(server.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
    }

    [Theory]
    [InlineData(1000, false, HttpStatusCode.OK, "")]
    [InlineData(1000, true, HttpStatusCode.OK, "")]
    [InlineData(2001, false, HttpStatusCode.RequestEntityTooLarge, "larger than 2000 bytes")]
    [InlineData(2500, true, HttpStatusCode.RequestEntityTooLarge, "larger than 2000 bytes")]
    [InlineData(3500, false, HttpStatusCode.RequestEntityTooLarge, "larger than 3000 bytes")]
    [InlineData(3500, true, HttpStatusCode.RequestEntityTooLarge, "larger than 2000 bytes")]
    public async Task The_lower_of_the_servers_limit_and_ours_holds(
        int length, bool chunked, HttpStatusCode status, string says)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("{}".PadRight(length)));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-www-form-urlencoded");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = content };
        request.Headers.TransferEncodingChunked = chunked;
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(
            says,
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chunked_body_that_is_framed_wrongly_is_a_bad_request()
    {
        var token = TestContext.Current.CancellationToken;
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, client.BaseAddress!.Port, token);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n"u8.ToArray(),
            token);
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(token);

        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
        Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
    }

    private static WebApplication Create()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(o => o.Limits.MaxRequestBodySize = ServerLimit);
        var app = builder.Build();
        app.MapPost("/", async (HttpContext context) =>
        {
            using var body = await JsonBody.ReadAsync(context.Request, limit: Limit);
            return body.Problem is { } problem ? problem : Results.Ok();
        });
        return app;
    }
}
