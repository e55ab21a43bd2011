using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using WorkerMesh.Gateway.Forwarding;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class TargetPathTests
{
    [Theory]
    [InlineData("/service/ocr", "/service/ocr")]
    [InlineData("/service/ocr?a=1&b=%20", "/service/ocr?a=1&b=%20")]
    [InlineData("/service/ocr/", "/")]
    [InlineData("/service/ocr/?q", "/?q")]
    [InlineData("/service/ocr/a/b", "/a/b")]
    [InlineData("/service/ocr//a//b", "//a//b")]
    [InlineData("/service/ocr/%2F%2f/a%20b+c", "/%2F%2f/a%20b+c")]
    [InlineData("/service/ocr/a?x=http://h/../y", "/a?x=http://h/../y")]
    [InlineData("/service/ocr/...", "/...")]
    [InlineData("/service/ocr/.hidden/a..b", "/.hidden/a..b")]
    [InlineData("/service/%6Fcr/a", "/a")]
    [InlineData("/service/%6Fcr", "/service/ocr")]
    [InlineData("/service/ocr/%252e%252e%252f/a", "/%252e%252e%252f/a")]
    [InlineData("/service/ocr/a%2fb%5Cc/%00%zz%/;p=1", "/a%2fb%5Cc/%00%zz%/;p=1")]
    [InlineData("/service/ocr/..a/a../.../%2e.%2e", "/..a/a../.../%2e.%2e")]
    [InlineData("http://host:8080/service/ocr/a?b", "/a?b")]
    [InlineData("http://host/service/ocr", "/service/ocr")]
    public void What_follows_the_service_type_is_passed_on_as_written(string rawTarget, string expected)
    {
        Assert.True(TargetPath.TryFind(Context(rawTarget), "ocr", out var target));
        Assert.Equal(expected, target);
    }

    [Theory]
    [InlineData("/service/ocr/../api/workers")]
    [InlineData("/service/ocr/a/..")]
    [InlineData("/service/ocr/./a")]
    [InlineData("/service/ocr/%2e%2e/a")]
    [InlineData("/service/ocr/.%2E/a")]
    [InlineData("/service/ocr/a\\..\\b")]
    [InlineData("/service/ocr/a%2f..%2Fb")]
    [InlineData("/service/ocr/%2e%2e%2fa")]
    [InlineData("/service/ocr/%2E.%5ca")]
    [InlineData("/service/ocr/a%5C%2e/b")]
    [InlineData("/service/ocr/..;a=b/c")]
    [InlineData("/service/ocr/%2e%2e%3bx")]
    [InlineData("http://host/service/ocr/../a")]
    [InlineData("http://host")]
    [InlineData("*")]
    [InlineData("")]
    public void Dot_segments_and_what_is_no_path_are_refused(string rawTarget) =>
        Assert.False(TargetPath.TryFind(Context(rawTarget), "ocr", out _));

    private static DefaultHttpContext Context(string rawTarget)
    {
        var context = new DefaultHttpContext();
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = rawTarget;
        return context;
    }
}
