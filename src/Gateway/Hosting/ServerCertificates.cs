using System.Collections.Concurrent;
using System.Net.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using WorkerMesh.Silo.Hosting;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// The certificates that Kestrel's configuration names by file, read again while the gateway runs: whoever connects after
/// one was replaced is shown the new one, and nobody who is connected notices. Kestrel by itself closes the address, ends
/// what is on it within 5 s, and opens it again.
/// </summary>
internal sealed partial class ServerCertificates : BackgroundService
{
    /// <summary>Files are looked at, not watched: what is mounted into a container is replaced in many ways.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    private readonly IConfigurationSection kestrelSection;
    private readonly IReadOnlyList<CertificateFile> files;

    /// <summary>By the thumbprints of all that they have held: Kestrel goes on naming the first.</summary>
    private readonly ConcurrentDictionary<string, CertificateFile> byThumbprint = new();
    private readonly Dictionary<CertificateFile, (string Reason, bool Said)> faults = [];
    private readonly TimeProvider clock;
    private readonly ILogger<ServerCertificates> logger;

    /// <summary>Reads all of them.</summary>
    /// <exception cref="MeshConfigurationException">One can't be used; says which and why.</exception>
    public ServerCertificates(
        IConfiguration configuration, IHostEnvironment environment, TimeProvider clock, ILogger<ServerCertificates> logger)
    {
        (this.clock, this.logger) = (clock, logger);
        kestrelSection = configuration.GetSection("Kestrel");
        files = [.. Sections(kestrelSection).Select(section => Read(section, environment.ContentRootPath))];
    }

    /// <summary>Has Kestrel show what the files hold, and not look at them itself.</summary>
    public void Use(KestrelServerOptions kestrel)
    {
        kestrel.Configure(kestrelSection, reloadOnChange: false);
        kestrel.ConfigureHttpsDefaults(https => https.OnAuthenticate = Show);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookInterval, clock);
        try
        {
            while (files.Count > 0 && await timer.WaitForNextTickAsync(stoppingToken))
            {
                foreach (var file in files)
                {
                    Look(file);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    private static IEnumerable<IConfigurationSection> Sections(IConfigurationSection kestrel)
    {
        var endpoints = kestrel.GetSection("Endpoints").GetChildren().ToList();
        return kestrel.GetSection("Certificates").GetChildren()
            .Concat(endpoints.Select(endpoint => endpoint.GetSection("Certificate")))
            .Concat(endpoints.SelectMany(e => e.GetSection("Sni").GetChildren()).Select(name => name.GetSection("Certificate")))
            .Where(section => !string.IsNullOrEmpty(section["Path"]));
    }

    private void Look(CertificateFile file)
    {
        try
        {
            if (file.Read())
            {
                Remember(file);
                LogReplaced(file.Path, file.Shown!.TargetCertificate.NotAfter.ToUniversalTime());
            }

            faults.Remove(file);
        }
        catch (Exception e)
        {
            // Said once, and not at first sight: whoever replaces two files does it one after the other.
            var again = faults.TryGetValue(file, out var before) && before.Reason == e.Message;
            faults[file] = (e.Message, again);
            if (again && !before.Said)
            {
                LogUnusable(file.Path, e.Message);
            }
        }
    }

    private CertificateFile Read(IConfigurationSection section, string directory)
    {
        var path = Path.Combine(directory, section["Path"]!);
        var keyPath = section["KeyPath"] is { Length: > 0 } key ? Path.Combine(directory, key) : null;
        var file = new CertificateFile(path, keyPath, section["Password"]);
        try
        {
            file.Read();
        }
        catch (Exception e) when (CertificateFile.IsFault(e))
        {
            throw new MeshConfigurationException(
                $"The certificate of {section.Path} can't be used: {e.Message} Its Path ({path}) must name a certificate in PEM and its "
                + $"KeyPath ({keyPath ?? "none"}) the certificate's key, or its Path both in PKCS 12, with their Password if there is one.");
        }

        Remember(file);
        return file;
    }

    private void Remember(CertificateFile file) => byThumbprint[file.Shown!.TargetCertificate.GetCertHashString()] = file;

    private void Show(ConnectionContext connection, SslServerAuthenticationOptions handshake)
    {
        var named = handshake.ServerCertificateContext?.TargetCertificate ?? handshake.ServerCertificate;
        if (named is not null && byThumbprint.TryGetValue(named.GetCertHashString(), out var file))
        {
            handshake.ServerCertificateContext = file.Shown;
        }
    }

    [LoggerMessage(3320, LogLevel.Information, "Clients are shown the new certificate in {Path} from now on. It is valid until {End:u}.")]
    private partial void LogReplaced(string path, DateTime end);

    [LoggerMessage(3321, LogLevel.Warning, "What {Path} holds now can't be used; clients are shown the certificate it held before. {Reason}")]
    private partial void LogUnusable(string path, string reason);
}
