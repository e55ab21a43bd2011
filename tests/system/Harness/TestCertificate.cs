using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A certificate for 127.0.0.1 that only those trust who are told to, in files.</summary>
internal sealed class TestCertificate
{
    public TestCertificate()
    {
        var directory = Guard.CreateDirectory();
        (Path, KeyPath) = ($"{directory}/certificate.pem", $"{directory}/key.pem");
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

    public string Path { get; }

    public string KeyPath { get; }

    /// <summary>A client that trusts it.</summary>
    public SocketsHttpHandler NewHandler() => new()
    {
        UseProxy = false,
        SslOptions =
        {
            CertificateChainPolicy = new()
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(Path) },
                RevocationMode = X509RevocationMode.NoCheck,
            },
        },
    };
}
