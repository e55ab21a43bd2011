using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using WorkerMesh.Gateway.Forwarding.Http1;

namespace WorkerMesh.Tests.Unit.Forwarding.Http1;

/// <summary>What a worker is sent before the content.</summary>
public sealed partial class RequestHeadTests
{
    private const string Added =
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n"
        + "X-Forwarded-Prefix: /service/s\r\nVia: 1.1 workermesh\r\n\r\n";

    [Fact]
    public void A_plain_request_is_addressed_to_the_worker() => Assert.Equal(
        "GET /base/x?y HTTP/1.1\r\nHost: worker.example:81\r\nAccept: */*\r\n" + Added,
        Write(Request("GET", ("Accept", "*/*"), ("Host", "a.example")), "http://worker.example:81/base"));

    [Theory]
    [InlineData("http://worker", "Host: worker\r\n")]
    [InlineData("HTTP://Worker:80", "Host: worker\r\n")]
    [InlineData("http://[2001:DB8::1]:8080", "Host: [2001:db8::1]:8080\r\n")]
    public void The_worker_is_named_as_its_URL_names_it(string url, string expected) =>
        Assert.Contains(expected, Write(Request("GET"), url), StringComparison.Ordinal);

    [Theory]
    [InlineData("POST", null, false, "Content-Length: 0\r\n")]
    [InlineData("PROPFIND", null, false, "Content-Length: 0\r\n")]
    [InlineData("GET", null, false, "")]
    [InlineData("DELETE", null, false, "")]
    [InlineData("GET", 0L, false, "Content-Length: 0\r\n")]
    [InlineData("POST", 7L, true, "Content-Length: 7\r\n")]
    [InlineData("POST", null, true, "Transfer-Encoding: chunked\r\n")]
    public void Where_the_content_ends_is_said_once(string method, long? length, bool hasBody, string expected)
    {
        var context = Request(method);
        context.Request.ContentLength = length;
        Assert.Equal($"{method} /x?y HTTP/1.1\r\nHost: w\r\n{expected}" + Added, Write(context, "http://w", hasBody));
    }

    [Fact]
    public void Fields_for_this_hop_are_left_out_and_those_that_Connection_names()
    {
        var head = Write(
            Request(
                "GET",
                ("Connection", "keep-alive, X-Private"),
                ("Keep-Alive", "5"),
                ("TE", "trailers"),
                ("Proxy-Authorization", "a"),
                ("X-Private", "1"),
                ("X-Mesh-Timeout-Connect", "1"),
                ("X-Forwarded-Host", "b"),
                ("X-Forwarded-Proto", "gopher"),
                ("X-Forwarded-Prefix", "/"),
                ("X-Public", "1")),
            "http://w");
        Assert.Equal("GET /x?y HTTP/1.1\r\nHost: w\r\nX-Public: 1\r\n" + Added, head);
    }

    [Fact]
    public void Nobody_can_have_the_gateways_own_fields_removed() => Assert.Equal(
        "GET /x?y HTTP/1.1\r\nHost: w\r\n" + Added,
        Write(Request("GET", ("Connection", "X-Forwarded-For, Via, Host, X-Forwarded-Host"), ("X-Forwarded-For", "1")), "http://w"));

    [Fact]
    public void Lists_are_continued_and_values_of_one_name_joined()
    {
        var context = Request("GET", ("X-Forwarded-For", "192.0.2.9"), ("Via", "1.0 other"));
        context.Request.Headers["X-A"] = new(["1", "2"]);
        context.Request.Headers.Cookie = new(["a=1", "b=2"]);
        var head = Write(context, "http://w");
        Assert.Contains("X-Forwarded-For: 192.0.2.9, 192.0.2.1\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Via: 1.0 other, 1.1 workermesh\r\n", head, StringComparison.Ordinal);
        Assert.Contains("X-A: 1, 2\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Cookie: a=1; b=2\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_of_more_than_one_line_never_leaves() => Assert.Equal(
        "GET /x?y HTTP/1.1\r\nHost: w\r\n" + Added,
        Write(Request("GET", ("X-A", "a\r\nX-B: c"), ("X-C", "\0"), ("Via", "a\nb")), "http://w"));

    [Fact]
    public void Text_beyond_ASCII_leaves_as_it_came() =>
        Assert.Contains("X-A: \u4f60\u00e4\r\n", Write(Request("GET", ("X-A", "\u4f60\u00e4")), "http://w"), StringComparison.Ordinal);

    private static DefaultHttpContext Request(string method, params (string Name, string Value)[] headers)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Scheme = "http";
        context.Request.Protocol = "HTTP/1.1";
        context.Connection.RemoteIpAddress = IPAddress.Parse("::ffff:192.0.2.1");
        foreach (var (name, value) in headers)
        {
            context.Request.Headers[name] = value;
        }

        context.Request.Host = new("a.example");
        return context;
    }

    [Theory]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true)]
    [InlineData("no trace", false)]
    public void The_state_of_a_trace_is_passed_on_with_it_only(string parent, bool passes)
    {
        var written = Write(Request("GET", ("traceparent", parent), ("tracestate", "a=b"), ("baggage", "c=d")), "http://w");
        Assert.Equal(passes, written.Contains("tracestate: a=b\r\n", StringComparison.Ordinal));
        Assert.Contains("baggage: c=d\r\n", written, StringComparison.Ordinal);
        Assert.DoesNotContain(parent, written, StringComparison.Ordinal);
    }

    /// <summary>The head without the trace, which is another each time.</summary>
    private static string Write(HttpContext context, string url, bool hasBody = false)
    {
        using var output = new Outgoing();
        RequestHead.Write(output, context, WorkerEndpoint.Of(url, TimeProvider.System)!, "/x?y", "s", hasBody);
        var parts = TraceLine().Split(Encoding.UTF8.GetString(output.Written.Span));
        Assert.Equal(2, parts.Length);
        return string.Concat(parts);
    }

    [GeneratedRegex("traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\r\n")]
    private static partial Regex TraceLine();
}
