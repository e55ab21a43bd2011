using System.Text;
using Microsoft.AspNetCore.Http;
using WorkerMesh.Gateway.Reading;

namespace WorkerMesh.Tests.Unit.Reading;

public sealed class JsonBodyTests
{
    private const int Limit = JsonBody.DefaultLimit;

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("application/json")]
    [InlineData("Application/JSON; charset=utf-8")]
    [InlineData("application/vnd.mesh+json")]
    [InlineData("text/plain; charset=ISO-8859-1")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task A_body_is_read_whatever_usual_tools_call_it(string? contentType)
    {
        using var body = await JsonBody.ReadAsync(Bodies.Request("""{"a": 1}""", contentType));

        Assert.Null(body.Problem);
        Assert.Equal(1, body.Root.GetProperty("a").GetInt32());
    }

    [Theory]
    [InlineData("application/xml")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("json")]
    [InlineData("text/html")]
    [InlineData("application/json-patch")]
    public async Task Another_content_type_is_refused(string contentType)
    {
        using var body = await JsonBody.ReadAsync(Bodies.Request("""{"a": 1}""", contentType));

        Assert.Equal(415, body.Problem?.StatusCode);
        Bodies.AssertOnly(Bodies.ErrorsOf(body.Problem), "Content-Type", "application/json");
    }

    [Fact]
    public async Task A_compressed_body_is_refused()
    {
        var request = Bodies.Request("{}");
        request.Headers.ContentEncoding = "gzip";
        using var body = await JsonBody.ReadAsync(request);

        Assert.Equal(415, body.Problem?.StatusCode);
        Bodies.AssertOnly(Bodies.ErrorsOf(body.Problem), "Content-Encoding", "without an encoding");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_of_exactly_the_limit_is_read(bool declared)
    {
        using var body = await JsonBody.ReadAsync(Bodies.Request(Padded(Limit), declared: declared));

        Assert.Null(body.Problem);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 1)]
    [InlineData(false, 5_000_000)]
    public async Task A_body_over_the_limit_is_too_large_declared_or_chunked(bool declared, int over)
    {
        var request = Bodies.Request(Padded(Limit + over), declared: declared);
        using var body = await JsonBody.ReadAsync(request);

        Assert.Equal(413, body.Problem?.StatusCode);
        Bodies.AssertOnly(Bodies.ErrorsOf(body.Problem), "body", "larger than 1048576 bytes");
        // Not read to the end, and not at all where the length says it.
        Assert.InRange(request.Body.Position, 0, declared ? 0 : Limit + 1);
    }

    [Fact]
    public async Task An_endpoint_can_set_its_own_limit()
    {
        using var small = await JsonBody.ReadAsync(Bodies.Request("{}       "), limit: 8);

        Assert.Equal(413, small.Problem?.StatusCode);
    }

    [Theory]
    [InlineData(StatusCodes.Status413PayloadTooLarge, 413)]
    [InlineData(StatusCodes.Status400BadRequest, 400)]
    [InlineData(StatusCodes.Status408RequestTimeout, 408)]
    public async Task What_the_server_says_of_the_body_becomes_a_problem(int thrown, int answered)
    {
        var request = Bodies.Request("{}");
        request.Body = new FaultyStream(new BadHttpRequestException("Broken.", thrown));
        using var body = await JsonBody.ReadAsync(request);

        Assert.Equal(answered, body.Problem?.StatusCode);
        Assert.Equal("body", Assert.Single(Bodies.ErrorsOf(body.Problem)).Key);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \r\n\t ")]
    public async Task No_body_is_an_empty_object_only_where_it_may_be(string text)
    {
        using var allowed = await JsonBody.ReadAsync(Bodies.Request(text, contentType: null), mayBeEmpty: true);
        using var refused = await JsonBody.ReadAsync(Bodies.Request(text));

        Assert.Null(allowed.Problem);
        Assert.Empty(allowed.Root.EnumerateObject());
        Assert.Equal(400, refused.Problem?.StatusCode);
        Bodies.AssertOnly(Bodies.ErrorsOf(refused.Problem), "$", "is empty");
        Assert.Throws<InvalidOperationException>(() => refused.Root);
    }

    [Fact]
    public async Task A_byte_order_mark_is_skipped()
    {
        using var body = await JsonBody.ReadAsync(Bodies.Request([.. Encoding.UTF8.Preamble, .. "{\"a\":1}"u8]));

        Assert.Equal(1, body.Root.GetProperty("a").GetInt32());
    }

    [Fact]
    public async Task A_body_that_comes_in_small_pieces_is_read_whole()
    {
        var request = Bodies.Request([], declared: false);
        request.Body = new DripStream(Encoding.UTF8.GetBytes(Padded(20_000)));
        using var body = await JsonBody.ReadAsync(request);

        Assert.Equal(1, body.Root.GetProperty("a").GetInt32());
    }

    [Fact]
    public async Task A_declared_length_that_is_wrong_does_not_matter()
    {
        var request = Bodies.Request("""{"a": 1}""");
        request.ContentLength = 2;
        using var body = await JsonBody.ReadAsync(request);

        Assert.Equal(1, body.Root.GetProperty("a").GetInt32());
    }

    private static string Padded(int length) => "{\"a\":1}".PadRight(length);

    private sealed class FaultyStream(Exception fault) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException<int>(fault);
    }

    private sealed class DripStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, 3)], cancellationToken);
    }
}
