using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Tests.Unit.Hosting;

public sealed class DashboardAccessTests
{
    private const string Here = "http://127.0.0.1:8080";
    private const string Beyond = "http://[::]:8080";

    [Theory]
    [InlineData(true, false, Here, null, 299)]
    [InlineData(true, false, "http://localhost:8080", null, 299)]
    [InlineData(true, false, "http://[::1]:8080", null, 299)]
    [InlineData(true, false, Beyond, null, 404)]
    [InlineData(true, false, "http://0.0.0.0:8080", null, 404)]
    [InlineData(true, false, "http://*:8080", null, 404)]
    [InlineData(true, false, "http://192.0.2.1:8080", null, 404)]
    [InlineData(false, false, Here, null, 404)]
    [InlineData(false, true, Here, "operator:right-password", 404)]
    [InlineData(true, true, Here, null, 401)]
    [InlineData(true, true, Beyond, null, 401)]
    [InlineData(true, true, Beyond, "operator:wrong-password", 401)]
    [InlineData(true, true, Beyond, "other:right-password", 401)]
    [InlineData(true, true, Beyond, ":", 401)]
    [InlineData(true, true, Beyond, "", 401)]
    [InlineData(true, true, Beyond, "operator:right-password", 299)]
    public async Task Only_who_may_see_the_dashboard_gets_to_it(
        bool enabled, bool credentials, string address, string? given, int expected)
    {
        var header = given is null ? null : "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(given));
        Assert.Equal(expected, await Send("/dashboard/", header, enabled, credentials, address));
        Assert.Equal(expected, await Send("/Dashboard/ClusterStats", header, enabled, credentials, address));
    }

    [Theory]
    [InlineData("Basic not base64")]
    [InlineData("Bearer b3BlcmF0b3I6cmlnaHQtcGFzc3dvcmQ=")]
    [InlineData("Basic")]
    [InlineData("")]
    public async Task What_is_no_Basic_authorization_is_refused(string header) =>
        Assert.Equal(401, await Send("/dashboard", header, enabled: true, credentials: true, Beyond));

    [Fact]
    public async Task Other_paths_are_not_concerned() =>
        Assert.Equal(299, await Send("/dashboards", null, enabled: false, credentials: false, Beyond));

    [Fact]
    public void One_address_beyond_loopback_is_enough() => Assert.False(DashboardAccess.AreLoopback([Here, Beyond]));

    [Theory]
    [InlineData("operator", null, false)]
    [InlineData(null, "right-password", false)]
    [InlineData("operator", "short", false)]
    [InlineData("oper:ator", "right-password", false)]
    [InlineData("operator", "right-password", true)]
    [InlineData("", "", true)]
    [InlineData(null, null, true)]
    public void Credentials_are_whole_or_absent(string? username, string? password, bool valid)
    {
        var options = new MeshDashboardOptions { Username = username, Password = password };
        var succeeds = new DashboardCredentialsValidator().Validate(null, options).Succeeded
            && new MeshDashboardOptionsValidator().Validate(null, options).Succeeded;
        Assert.Equal(valid, succeeds);
    }

    private static async Task<int> Send(string path, string? authorization, bool enabled, bool credentials, string address)
    {
        var options = new MeshDashboardOptions { Enabled = enabled };
        if (credentials)
        {
            (options.Username, options.Password) = ("operator", "right-password");
        }

        using var server = new ListeningServer(address);
        var access = new DashboardAccess(server, Options.Create(options), NullLogger<DashboardAccess>.Instance);
        var context = new DefaultHttpContext();
        context.Request.Path = path;
        context.Request.Headers.Authorization = authorization;
        var guard = new DashboardGuard(
            passed =>
            {
                passed.Response.StatusCode = 299;
                return Task.CompletedTask;
            },
            access);
        await guard.Invoke(context);
        return context.Response.StatusCode;
    }

    /// <summary>One that says where it listens, and does nothing else.</summary>
    private sealed class ListeningServer : IServer
    {
        public ListeningServer(string address)
        {
            var addresses = new Addresses();
            addresses.All.Add(address);
            Features.Set<IServerAddressesFeature>(addresses);
        }

        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }

    private sealed class Addresses : IServerAddressesFeature
    {
        public List<string> All { get; } = [];

        ICollection<string> IServerAddressesFeature.Addresses => All;

        public bool PreferHostingUrls { get; set; }
    }
}
