using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

public sealed class CrossSiteGuardTests
{
    [Theory]
    [InlineData("POST", "cross-site", "https://evil.example", false)]
    [InlineData("PUT", "cross-site", "https://evil.example", false)]
    [InlineData("DELETE", "cross-site", "https://evil.example", false)]
    [InlineData("PATCH", "cross-site", null, false)]
    [InlineData("POST", "cross-site", "null", false)]
    [InlineData("POST", "cross-site", "https://console.example", true)]
    [InlineData("POST", "cross-site", "https://console.example.evil.example", false)]
    [InlineData("GET", "cross-site", "https://evil.example", true)]
    [InlineData("HEAD", "cross-site", null, true)]
    [InlineData("OPTIONS", "cross-site", "https://evil.example", true)]
    [InlineData("POST", "same-origin", "https://mesh.example", true)]
    [InlineData("POST", "same-site", "https://other.example", true)]
    [InlineData("POST", "none", null, true)]
    [InlineData("POST", null, null, true)]
    [InlineData("POST", null, "https://evil.example", true)]
    public async Task Pages_of_other_sites_change_nothing_unless_they_are_allowed_to(
        string method, string? site, string? origin, bool passes) =>
        Assert.Equal(passes ? 299 : 403, await Send(method, site, origin, "https://console.example"));

    [Fact]
    public async Task An_asterisk_allows_every_page() =>
        Assert.Equal(299, await Send("POST", "cross-site", "https://evil.example", "*"));

    private static async Task<int> Send(string method, string? site, string? origin, params string[] allowed)
    {
        await using var services = new ServiceCollection().AddLogging().AddProblemDetails().BuildServiceProvider();
        var context = new DefaultHttpContext { RequestServices = services };
        context.Request.Method = method;
        context.Request.Headers["Sec-Fetch-Site"] = site;
        context.Request.Headers.Origin = origin;
        var guard = new CrossSiteGuard(
            passed =>
            {
                passed.Response.StatusCode = 299;
                return Task.CompletedTask;
            },
            Options.Create(new GatewayOptions { CorsOrigins = allowed }));
        await guard.Invoke(context);
        return context.Response.StatusCode;
    }
}
