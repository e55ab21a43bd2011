using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace WorkerMesh.Tests.System.Forwarding;

/// <summary>
/// What blocks a thread must not hold up the connections of others, also where the threads that hear of all sockets pass
/// requests on themselves (docs/decisions/0012). What would block is the check of a certificate, if the one of its issuer
/// were fetched from where it says: the runtime waits for that for up to 15 s. What does block is the commit of a
/// registration.
/// </summary>
[Collection<OnEmbeddedMesh>]
public sealed class BlockedThreadTests(EmbeddedMesh mesh)
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task An_issuer_that_a_worker_does_not_show_is_not_waited_for(string inline)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var server = new CertifiedListener($"http://{silent.LocalEndpoint}/issuer.crt");
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__InlineCompletions", inline));
        await using var secure = mesh.NewService("unchecked");
        // Registering tries to connect too.
        var clock = Stopwatch.StartNew();
        var registered = (await secure.PutAsync(gateway.Api, secure.IdOf("w"), secure.Registration(server.Url))).Expect(201);
        Assert.Equal("unreachable", registered.Json.GetProperty("reachability").GetProperty("status").GetString());

        // More than there are threads for sockets.
        var refused = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => gateway.Api.GetAsync($"{secure.Path}/{i}")));
        Assert.All(refused, answer => answer.ExpectProblem(502));
        Assert.False(silent.Pending(), "The issuer's certificate was asked for.");
        Assert.True(clock.Elapsed < Longest, $"It took {clock.Elapsed}.");
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    [SupportedOSPlatform("linux")]
    public async Task Registrations_that_wait_for_the_disk_hold_up_nothing_else(string inline)
    {
        await using var gateway = await mesh.StartGatewayAsync(("Gateway__InlineCompletions", inline));
        var file = Path.Combine(mesh.LastDirectory, "workers.db-shm");
        await using var worker = await WorkerProcess.StartAsync("w");
        await using var service = mesh.NewService("waits");
        (await service.PutAsync(gateway.Api, service.IdOf("w"), service.Registration(worker.Url))).Expect(201);
        Task<Answer>[] waiting;
        await using (var held = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            // The byte that SQLite's writers lock (walformat.html, "WAL Locks").
            held.Lock(120, 1);
            waiting = [.. Enumerable.Range(0, 8).Select(i =>
                service.PutAsync(gateway.Api, service.IdOf($"w{i}"), service.Registration(worker.Url)))];

            // More of each than there are threads for sockets.
            var forwarded = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => gateway.Api.GetAsync(service.Path)));
            var beats = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
                gateway.Api.PostAsync($"/api/workers/{service.IdOf("w")}/heartbeat", new { })));
            Assert.All(forwarded, answer => answer.Expect(200));
            Assert.All(beats, answer => answer.Expect(200));
            Assert.All(waiting, registering => Assert.False(registering.IsCompleted));
            held.Unlock(120, 1);
        }

        Assert.All(await Task.WhenAll(waiting), answer => answer.Expect(201));
    }

    /// <summary>Shows a certificate whose issuer it does not show, but says where that can be fetched.</summary>
    private sealed class CertifiedListener : IDisposable
    {
        private readonly TcpServer _server;
        private readonly SslStreamCertificateContext _shown;

        public CertifiedListener(string issuer)
        {
            var now = TimeProvider.System.GetUtcNow();
            using var issuerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=not shown", issuerKey, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            using var authority = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            request = new("CN=shown", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
            request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(null, [issuer]));
            using var signed = request.Create(authority, now.AddHours(-1), now.AddHours(1), [1, 2, 3, 4]);
            _shown = SslStreamCertificateContext.Create(signed.CopyWithPrivateKey(key), null, offline: true);
            _server = new(ServeAsync);
        }

        public string Url => $"https://{_server.EndPoint}";

        public void Dispose() => _server.Dispose();

        private async Task ServeAsync(TcpClient client)
        {
            try
            {
                await using var stream = new SslStream(client.GetStream());
                await stream.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions { ServerCertificateContext = _shown }, Token);
                await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false, Token);
            }
            catch (AuthenticationException)
            {
                // The gateway does not trust it, in the end.
            }
        }
    }
}
