using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Forwarding;
using WorkerMesh.Gateway.Hosting;

namespace WorkerMesh.Tests.Unit.Forwarding;

public sealed class SendPlanTests
{
    [Theory]
    [InlineData("HTTP/1.1", null, "http://w", "1.1 RequestVersionOrLower")]
    [InlineData("HTTP/2", "text/plain", "http://w", "1.1 RequestVersionOrLower")]
    [InlineData("HTTP/1.1", null, "https://w", "2.0 RequestVersionOrLower")]
    [InlineData("HTTP/2", "application/grpc", "http://w", "2.0 RequestVersionExact")]
    [InlineData("HTTP/2", "application/grpc+proto", "https://w", "2.0 RequestVersionExact")]
    [InlineData("HTTP/2", "Application/GRPC; x=y", "http://w", "2.0 RequestVersionExact")]
    [InlineData("HTTP/2", "application/grpc-web", "http://w", "1.1 RequestVersionOrLower")]
    [InlineData("HTTP/1.1", "application/grpc", "http://w", "1.1 RequestVersionOrLower")]
    public void The_protocol_to_the_worker_follows_from_the_request_and_the_url(
        string protocol, string? contentType, string url, string expected)
    {
        var request = new DefaultHttpContext().Request;
        (request.Protocol, request.ContentType) = (protocol, contentType);
        var config = Plans(new()).Find(request, "ocr", out _)!.ConfigFor(request, url);
        Assert.Equal(expected, $"{config.Version} {config.VersionPolicy}");
    }

    [Fact]
    public void A_request_that_asks_for_nothing_shares_a_plan_that_the_forwarder_keeps_alone()
    {
        var plans = Plans(new());
        var plan = plans.Find(new DefaultHttpContext().Request, "ocr", out _)!;
        Assert.Same(plan, plans.Find(new DefaultHttpContext().Request, "other", out _));
        Assert.False(plan.Watched);
        Assert.Equal(TimeSpan.FromSeconds(120), plan.ConfigFor(new DefaultHttpContext().Request, "http://w").ActivityTimeout);
    }

    [Fact]
    public void A_service_type_has_limits_of_its_own_and_a_request_may_change_them_within_the_ceilings()
    {
        var options = new GatewayOptions { MaxFirstByteTimeout = TimeSpan.FromSeconds(50) };
        options.Services["ocr"] = new() { FirstByteTimeout = TimeSpan.FromSeconds(7) };
        var plans = Plans(options);
        var request = new DefaultHttpContext().Request;
        var own = plans.Find(request, "ocr", out _)!;
        Assert.True(own.Watched);
        Assert.Equal(new TimeLimits(options.ConnectTimeout, TimeSpan.FromSeconds(7), options.BetweenBytesTimeout), own.Limits);
        request.Headers[TimeLimitReader.FirstByte] = "60";
        request.Headers[TimeLimitReader.Connect] = "0.25";
        var asked = plans.Find(request, "ocr", out _)!;
        Assert.Equal(TimeSpan.FromSeconds(50), asked.Limits.FirstByte);
        Assert.Equal(TimeSpan.FromSeconds(0.25), asked.Limits.Connect);
        request.Headers[TimeLimitReader.Connect] = "soon";
        Assert.Null(plans.Find(request, "ocr", out var errors));
        Assert.Equal([TimeLimitReader.Connect], errors!.ToDictionary().Keys);
    }

    private static SendPlans Plans(GatewayOptions options) => new(Options.Create(options));
}
