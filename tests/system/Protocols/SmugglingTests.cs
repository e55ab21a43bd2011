using System.Text.RegularExpressions;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>
/// Requests that two servers may take apart differently (RFC 9112, section 11.2). Each is refused, or the worker sees it
/// as one request, with the body that the gateway saw and with nothing behind it.
/// </summary>
[Collection<OnEmbeddedMesh>]
public sealed partial class SmugglingTests(EmbeddedMesh mesh)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(0.3);

    /// <summary>What begins like an empty or a short body and ends like a request.</summary>
    private const string Behind = "GET /service/smuggle/behind HTTP/1.1\r\nHost: a\r\n\r\n";

    /// <summary>Name, what follows the request line, and the body; in the text <c>{n}</c> is the body's length.</summary>
    public static TheoryData<string, string, string> Corpus => new()
    {
        { "plain, with a length", "Content-Length: {n}", "hello" },
        { "plain, in chunks", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n" },
        { "length and chunks, of the same meaning", "Content-Length: {n}\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n" },
        { "length and chunks, the length shorter", "Content-Length: 3\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n" },
        { "length and chunks, a request behind the chunks", "Content-Length: {n}\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + Behind },
        { "chunks and length, a request behind the chunks", "Transfer-Encoding: chunked\r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "length 0 and chunks", "Content-Length: 0\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n" },
        { "the same length twice", "Content-Length: {n}\r\nContent-Length: {n}", "hello" },
        { "two lengths", "Content-Length: 0\r\nContent-Length: {n}", Behind },
        { "two lengths, the other way", "Content-Length: {n}\r\nContent-Length: 0", Behind },
        { "the same length twice in a list", "Content-Length: {n}, {n}", "hello" },
        { "two lengths in a list", "Content-Length: 0, {n}", Behind },
        { "a length with a sign", "Content-Length: +{n}", "hello" },
        { "a length below 0", "Content-Length: -1", "hello" },
        { "a length in hex", "Content-Length: 0x5", "hello" },
        { "a length with an exponent", "Content-Length: 5e0", "hello" },
        { "a length with a fraction", "Content-Length: 5.0", "hello" },
        { "a length beyond 64 bits", "Content-Length: 18446744073709551621", "hello" },
        { "an empty length", "Content-Length: ", "hello" },
        { "a length behind a space", "Content-Length : {n}", "hello" },
        { "a length in a folded line", "Content-Length:\r\n {n}", "hello" },
        { "chunks in a folded line", "Transfer-Encoding:\r\n chunked", "0\r\n\r\n" + Behind },
        { "chunks behind a space", "Transfer-Encoding : chunked\r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "chunks behind a tab", "Transfer-Encoding\t: chunked\r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "chunks behind a vertical tab", "Transfer-Encoding: \vchunked\r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "chunks twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + Behind },
        { "chunks that are not last", "Transfer-Encoding: chunked, identity\r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "identity and a length", "Transfer-Encoding: identity\r\nContent-Length: {n}", "hello" },
        { "an unknown coding", "Transfer-Encoding: xchunked\r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "gzip and chunks", "Transfer-Encoding: gzip, chunked", "5\r\nhello\r\n0\r\n\r\n" },
        { "quoted chunks", "Transfer-Encoding: \"chunked\"\r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "an empty coding", "Transfer-Encoding: \r\nContent-Length: {n}", "0\r\n\r\n" + Behind },
        { "a coding named with an underscore", "Transfer_Encoding: chunked\r\nContent-Length: {n}", "hello" },
        { "a length that Connection names", "Connection: Content-Length\r\nContent-Length: {n}", Behind },
        { "a coding that Connection names", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n" },
        { "a chunk with an extension", "Transfer-Encoding: chunked", "5;a=b\r\nhello\r\n0\r\n\r\n" },
        { "a chunk with a quoted extension", "Transfer-Encoding: chunked", "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n" },
        { "an extension that ends with LF", "Transfer-Encoding: chunked", "2;\nxx\r\n4f\r\n0\r\n\r\n" + Behind + "0\r\n\r\n" },
        { "an extension with a bare CR", "Transfer-Encoding: chunked", "5;a\rb\r\nhello\r\n0\r\n\r\n" },
        { "chunk sizes that end with LF", "Transfer-Encoding: chunked", "5\nhello\n0\n\n" },
        { "a chunk that ends with LF", "Transfer-Encoding: chunked", "5\r\nhello\n0\r\n\r\n" },
        { "a chunk longer than its size", "Transfer-Encoding: chunked", "3\r\nhello\r\n0\r\n\r\n" },
        { "a chunk size beyond 64 bits", "Transfer-Encoding: chunked", "10000000000000005\r\nhello\r\n0\r\n\r\n" },
        { "a chunk size of 64 ones", "Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n" },
        { "a chunk size beyond 32 bits", "Transfer-Encoding: chunked", "100000005\r\nhello\r\n0\r\n\r\n" },
        { "a chunk size of many digits", "Transfer-Encoding: chunked", "00000000000000000000005\r\nhello\r\n0\r\n\r\n" },
        { "a chunk size with 0x", "Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n" },
        { "a chunk size with a sign", "Transfer-Encoding: chunked", "-5\r\nhello\r\n0\r\n\r\n" },
        { "a chunk size with spaces", "Transfer-Encoding: chunked", " 5 \r\nhello\r\n0\r\n\r\n" },
        { "no chunk size", "Transfer-Encoding: chunked", "\r\nhello\r\n0\r\n\r\n" },
        { "trailers", "Transfer-Encoding: chunked\r\nTrailer: X-T", "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n" },
        { "a length as trailer", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n" },
        { "a trailer in a folded line", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nX-T: 1\r\n 2\r\n\r\n" },
        { "a header name with a space", "X A: b\r\nContent-Length: {n}", "hello" },
        { "a header that begins with a space", " X-A: b\r\nContent-Length: {n}", "hello" },
        { "a header in a folded line", "X-A: b\r\n\tc\r\nContent-Length: {n}", "hello" },
        { "a header without a colon", "X-A\r\nContent-Length: {n}", "hello" },
        { "a header without a name", ": b\r\nContent-Length: {n}", "hello" },
        { "a header line that ends with LF", "X-A: b\nContent-Length: {n}", "hello" },
        { "a length after a bare LF in a value", "X-A: b\n\r\nContent-Length: {n}", "hello" },
        { "a value with a bare CR", "X-A: b\rContent-Length: 0\r\nContent-Length: {n}", "hello" },
        { "a value with NUL", "X-A: b\0c\r\nContent-Length: {n}", "hello" },
        { "a value of other bytes", "X-A: \u00e4\u00ff\r\nContent-Length: {n}", "hello" },
        { "another Host", "Host: b\r\nContent-Length: {n}", "hello" },
        { "an upgrade to HTTP/2", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: {n}", "hello" },
    };

    [Theory]
    [MemberData(nameof(Corpus))]
    public Task What_may_be_read_in_two_ways_is_refused_or_reaches_the_worker_as_one_request(
        string name, string headers, string body) =>
        CheckAsync(body, name, $"POST {{path}} HTTP/1.1\r\nHost: a\r\n{headers.Replace("{n}", $"{body.Length}", StringComparison.Ordinal)}\r\n\r\n{body}");

    [Theory]
    [InlineData("a body of HTTP/1.0 in chunks", "POST {path} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("no Host", "POST {path} HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("a Host with a path", "POST {path} HTTP/1.1\r\nHost: a/b\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("a GET with a body", "GET {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("another host in the target", "POST http://b{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("a target with a space", "POST {path} x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("tabs in the request line", "POST\t{path}\tHTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("a version of 1.2", "POST {path} HTTP/1.2\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("a version in small letters", "POST {path} http/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("a version of 0.9", "GET {path}\r\n\r\n")]
    [InlineData("lines that end with LF", "POST {path} HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello")]
    [InlineData("an empty line first", "\r\nPOST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("a target with CR and LF encoded", "POST {path}%0d%0aX-A:%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]
    public Task Request_lines_are_refused_or_understood_likewise(string name, string request) =>
        CheckAsync("hello", name, request);

    private async Task CheckAsync(string body, string name, string request)
    {
        await using var service = new Service(mesh, "smuggle");
        using var worker = new RecordingWorker();
        (await service.PutAsync(mesh.Api, service.IdOf("r"), service.Registration(worker.Url))).Expect(201);
        using var client = await RawClient.ConnectAsync(mesh.Api.Address);
        await client.SendAsync(request.Replace("{path}", $"{service.Path}/r", StringComparison.Ordinal));
        var answer = await client.ReadToEndAsync(Silence);
        var statuses = Status().Matches(answer).Select(m => m.Groups[1].Value).Where(s => s != "100").ToArray();
        var seen = worker.Requests.ToArray();
        var what = $"{name}\nanswers: {string.Join(' ', statuses)}\nworker: {string.Join("\n---\n", seen)}";
        TestContext.Current.TestOutputHelper?.WriteLine(what);
        Assert.True(seen.Length <= 1, what);
        Assert.True(statuses.Count(s => s == "200") == seen.Length, what);
        Assert.All(statuses, status => Assert.True(status is "200" or "505" || status[0] == '4', what));
        Assert.True(seen.Length == 0 || seen[0].Body == body || seen[0].Body is "" or "hello", what);

        // The connection to the worker holds nothing that a later request of somebody else would follow.
        (await mesh.Api.GetAsync($"{service.Path}/later")).Expect(200);
        Assert.Equal(seen.Length + 1, worker.Requests.Count);
        Assert.StartsWith("GET /later HTTP/1.1\n", worker.Requests.Last().Head, StringComparison.Ordinal);
        Assert.Empty(worker.Faults);
    }

    [GeneratedRegex(@"^HTTP/1\.1 (\d+)", RegexOptions.Multiline)]
    private static partial Regex Status();
}
