using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Workers that others wrote: nginx, and Python's http.server. Kestrel's are in all other tests.</summary>
[Collection<OnEmbeddedMesh>]
public sealed class OtherWorkerTests(EmbeddedMesh mesh)
{
    private const int Bytes = 5_000_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Nginx_takes_a_file_and_serves_it_in_parts(string version)
    {
        await using var worker = await NginxWorker.StartAsync();
        await using var service = await ServiceAsync("nginx", worker.Url);
        var file = RandomNumberGenerator.GetBytes(Bytes);
        var said = await SendAsync(HttpMethod.Get, $"{service.Path}/a%20b?c=%2F", version);
        Assert.Equal($"GET /a%20b?c=%2F HTTP/1.1 {service.Path}", await said.Content.ReadAsStringAsync(Token));

        using var put = await SendAsync(HttpMethod.Put, $"{service.Path}/files/f", version, new ByteArrayContent(file));
        Assert.Equal(201, (int)put.StatusCode);
        using var head = await SendAsync(HttpMethod.Head, $"{service.Path}/files/f", version);
        Assert.Equal(Bytes, head.Content.Headers.ContentLength);
        using var whole = await SendAsync(HttpMethod.Get, $"{service.Path}/files/f", version);
        Assert.True((await whole.Content.ReadAsByteArrayAsync(Token)).AsSpan().SequenceEqual(file));
        using var part = await SendAsync(HttpMethod.Get, $"{service.Path}/files/f", version, null, new(1000, 1999));
        Assert.Equal(206, (int)part.StatusCode);
        Assert.True((await part.Content.ReadAsByteArrayAsync(Token)).AsSpan().SequenceEqual(file.AsSpan(1000, 1000)));
        using var unchanged = await SendAsync(HttpMethod.Get, $"{service.Path}/files/f", version, null, null, whole.Headers.ETag);
        Assert.Equal(304, (int)unchanged.StatusCode);
        using var deleted = await SendAsync(HttpMethod.Delete, $"{service.Path}/files/f", version);
        Assert.Equal(204, (int)deleted.StatusCode);
        using var gone = await SendAsync(HttpMethod.Get, $"{service.Path}/files/f", version);
        Assert.Equal(404, (int)gone.StatusCode);
    }

    [Theory]
    [InlineData("1.1", false)]
    [InlineData("1.1", true)]
    [InlineData("2.0", false)]
    [InlineData("2.0", true)]
    public async Task Python_gets_bodies_with_and_without_a_length(string version, bool chunked)
    {
        await using var worker = await PlainWorker.StartAsync();
        await using var service = await ServiceAsync("python", worker.Url);
        foreach (var length in (int[])[0, 1, Bytes])
        {
            var body = RandomNumberGenerator.GetBytes(length);
            HttpContent content = chunked ? new StreamContent(new Unseekable(body)) : new ByteArrayContent(body);
            using var response = await SendAsync(HttpMethod.Post, $"{service.Path}/p", version, content);
            var said = await response.Content.ReadAsStringAsync(Token);
            Assert.Contains($"\"body_bytes\": {length},", said, StringComparison.Ordinal);
            Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(body)), said, StringComparison.Ordinal);
        }
    }

    private async Task<Service> ServiceAsync(string name, string url)
    {
        var service = mesh.NewService(name);
        (await service.PutAsync(mesh.Api, service.IdOf("other"), service.Registration(url))).Expect(201);
        return service;
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        string version,
        HttpContent? content = null,
        RangeItemHeaderValue? range = null,
        EntityTagHeaderValue? unless = null)
    {
        using var request = new HttpRequestMessage(method, mesh.Api.Uri(path))
        {
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        if (range is not null)
        {
            request.Headers.Range = new(range.From, range.To);
        }

        if (unless is not null)
        {
            request.Headers.IfNoneMatch.Add(unless);
        }

        return await mesh.Api.Http.SendAsync(request, Token);
    }

    /// <summary>Whose length a client can't know.</summary>
    private sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
