using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace WorkerMesh.Grains.Networking;

/// <summary>How workers at https URLs are spoken to.</summary>
public static class WorkerTls
{
    /// <summary>
    /// A worker's certificate is checked against this machine's authorities, with what the worker itself sends of the chain
    /// (RFC 8446, section 4.4.2) and nothing else. By default the runtime fetches what is missing from where the certificate
    /// says, and blocks a thread until that answers, for up to 15 s.
    /// </summary>
    /// <param name="host">Whose certificate it must be; null where a client that is given these sets it itself.</param>
    public static SslClientAuthenticationOptions OptionsFor(string? host) => new()
    {
        TargetHost = host,
        CertificateChainPolicy = new()
        {
            DisableCertificateDownloads = true,
            RevocationMode = X509RevocationMode.NoCheck,
        },
    };
}
