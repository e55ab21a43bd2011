using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>A certificate of the gateway's in files: in PEM with its chain and its key, or in PKCS 12 with both.</summary>
/// <param name="path">The certificate's file.</param>
/// <param name="keyPath">The key's, in PEM; null where the certificate is in PKCS 12.</param>
/// <param name="password">What the key or the PKCS 12 file is encrypted with, if it is.</param>
internal sealed class CertificateFile(string path, string? keyPath, string? password)
{
    private byte[] held = [];

    public string Path => path;

    /// <summary>What is shown to clients, with the certificates between it and its authority.</summary>
    public SslStreamCertificateContext? Shown { get; private set; }

    /// <summary>Whether an exception of <see cref="Read"/> says that the files are to blame.</summary>
    public static bool IsFault(Exception e) =>
        e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    /// <summary>Reads the files, and takes what they hold where that is new. Where it can't be used, nothing changes.</summary>
    /// <returns>Whether it was new.</returns>
    /// <exception cref="IOException">A file can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It is not for this process to read.</exception>
    /// <exception cref="CryptographicException">It holds no certificate or no key, or the password is not right.</exception>
    /// <exception cref="ArgumentException">The key is that of another certificate.</exception>
    public bool Read()
    {
        var certificate = File.ReadAllBytes(path);
        var key = keyPath is null ? [] : File.ReadAllBytes(keyPath);
        byte[] found = [.. SHA256.HashData(certificate), .. SHA256.HashData(key)];
        if (found.AsSpan().SequenceEqual(held))
        {
            return false;
        }

        Shown = keyPath is null ? FromPkcs12(certificate) : FromPem(Encoding.UTF8.GetString(certificate), Encoding.UTF8.GetString(key));
        held = found;
        return true;
    }

    private SslStreamCertificateContext FromPem(string certificate, string key)
    {
        var own = password is null
            ? X509Certificate2.CreateFromPem(certificate, key)
            : X509Certificate2.CreateFromEncryptedPem(certificate, key, password);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
        return SslStreamCertificateContext.Create(own, chain);
    }

    private SslStreamCertificateContext FromPkcs12(byte[] file)
    {
        var all = X509CertificateLoader.LoadPkcs12Collection(file, password);
        var own = all.FirstOrDefault(c => c.HasPrivateKey) ?? throw new CryptographicException("It holds no certificate with its key.");
        return SslStreamCertificateContext.Create(own, all);
    }
}
