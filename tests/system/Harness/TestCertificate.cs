using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A certificate for 127.0.0.1 that only those trust who are told to, in files.</summary>
internal sealed class TestCertificate
{
    private readonly Lazy<X509Certificate2> _shown;

    public TestCertificate()
    {
        var directory = Guard.CreateDirectory();
        (Path, KeyPath) = ($"{directory}/certificate.pem", $"{directory}/key.pem");
        Replace();
        _shown = new(() => X509Certificate2.CreateFromPemFile(Path, KeyPath));
    }

    public string Path { get; }

    public string KeyPath { get; }

    /// <summary>Puts another one into the files. Who made its client before does not trust that.</summary>
    public void Replace()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=workermesh-test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(Path, certificate.ExportCertificatePem());
        File.WriteAllText(KeyPath, key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>What a gateway is told so that it shows this certificate, beside an address without, and trusts it.</summary>
    public (string Name, string Value)[] GatewaySettings =>
    [
        ("Kestrel__Endpoints__A__Url", "http://127.0.0.1:0"),
        ("Kestrel__Endpoints__B__Url", "https://127.0.0.1:0"),
        ("Kestrel__Certificates__Default__Path", Path),
        ("Kestrel__Certificates__Default__KeyPath", KeyPath),
        ("SSL_CERT_FILE", Path),
    ];

    /// <summary>A client that trusts it.</summary>
    public SocketsHttpHandler NewHandler() => new()
    {
        UseProxy = false,
        SslOptions = { CertificateChainPolicy = NewPolicy() },
    };

    /// <summary>The client's side of a connection.</summary>
    public async Task<SslStream> SecureClientAsync(Stream connection)
    {
        var secure = new SslStream(connection);
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = IPAddress.Loopback.ToString(),
            CertificateChainPolicy = NewPolicy(),
        });
        return secure;
    }

    /// <summary>The side of a connection that shows it.</summary>
    public async Task<SslStream> SecureServerAsync(Stream connection)
    {
        var secure = new SslStream(connection);
        await secure.AuthenticateAsServerAsync(_shown.Value);
        return secure;
    }

    private X509ChainPolicy NewPolicy() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(Path) },
        RevocationMode = X509RevocationMode.NoCheck,
    };
}
