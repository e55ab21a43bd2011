using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// Who may see the dashboard: with credentials configured, who has them; without, everybody on this machine, as long as
/// the gateway listens to nobody else.
/// </summary>
internal sealed partial class DashboardAccess(
    IServer server, IOptions<MeshDashboardOptions> options, ILogger<DashboardAccess> logger) : IHostedLifecycleService
{
    public const string Path = "/dashboard";
    private const string Scheme = "Basic ";

    // Hashes, which are of equal length whatever is compared.
    private readonly byte[] expected = Hash($"{options.Value.Username}:{options.Value.Password}");
    private readonly Lazy<bool> onlyHere = new(() => AreLoopback(server.Features.Get<IServerAddressesFeature>()?.Addresses ?? []));

    /// <summary>Whether it is configured to be served at all.</summary>
    public bool IsOffered => options.Value.Enabled;

    /// <summary>Whether it asks for credentials.</summary>
    public bool AsksForCredentials => options.Value.HasCredentials;

    /// <summary>Whether it is served, to whoever may see it. Known once the gateway listens.</summary>
    public bool IsServed => IsOffered && (AsksForCredentials || onlyHere.Value);

    /// <summary>
    /// Whether these are the configured credentials (RFC 7617). Takes as long whichever of them is wrong.
    /// </summary>
    /// <param name="authorization">The header's value.</param>
    public bool Admits(string? authorization)
    {
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var given = new byte[authorization.Length];
        return Convert.TryFromBase64String(authorization[Scheme.Length..].Trim(), given, out var length)
            && CryptographicOperations.FixedTimeEquals(SHA256.HashData(given.AsSpan(0, length)), expected);
    }

    /// <summary>Whether only processes on this machine reach these addresses.</summary>
    internal static bool AreLoopback(IEnumerable<string> addresses) => addresses.All(address =>
    {
        var host = BindingAddress.Parse(address);
        return host.IsUnixPipe
            || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Host, out var ip) && IPAddress.IsLoopback(ip));
    });

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (IsOffered && !IsServed)
        {
            LogOff();
        }

        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    [LoggerMessage(3302, LogLevel.Warning,
        "The dashboard is off: this gateway listens beyond loopback. Set Dashboard:Username and Dashboard:Password to see it, "
        + "or Dashboard:Enabled to false to not be told.")]
    private partial void LogOff();
}
