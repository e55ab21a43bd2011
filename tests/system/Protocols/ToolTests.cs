using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace WorkerMesh.Tests.System.Protocols;

/// <summary>Clients that others wrote: curl and h2load, as Debian has them.</summary>
[Collection<OnEmbeddedMesh>]
public sealed partial class ToolTests(EmbeddedMesh mesh)
{
    [Theory]
    [InlineData("--http2-prior-knowledge", "2")]
    [InlineData("--http1.1", "1.1")]
    // Asks to change from HTTP/1.1, which a server may pass over (RFC 9113, section 3.1).
    [InlineData("--http2", "1.1")]
    public async Task Curl_uploads_a_file_and_gets_it_back(string option, string version)
    {
        await using var service = await ServiceAsync("curl");
        var directory = Guard.CreateDirectory();
        var (sent, received) = ($"{directory}/sent", $"{directory}/received");
        var bytes = RandomNumberGenerator.GetBytes(5_000_000);
        await File.WriteAllBytesAsync(sent, bytes, TestContext.Current.CancellationToken);
        var said = await RunAsync(
            "curl", "-sS", option, "--data-binary", $"@{sent}", "-o", received, "-w", "said %{http_version} %{http_code}\\n", Url(service, "/echo"));
        Assert.Contains($"said {version} 200", said, StringComparison.Ordinal);
        var back = await File.ReadAllBytesAsync(received, TestContext.Current.CancellationToken);
        Assert.True(bytes.AsSpan().SequenceEqual(back));
    }

    [Theory]
    [InlineData(20_000, null)]
    [InlineData(2_000, 100_000)]
    public async Task Every_request_of_many_that_share_connections_is_answered(int requests, int? bodyBytes)
    {
        await using var service = await ServiceAsync("h2load");
        List<string> arguments = ["-n", Text(requests), "-c", "8", "-m", "25"];
        if (bodyBytes is { } length)
        {
            var body = $"{Guard.CreateDirectory()}/body";
            await File.WriteAllBytesAsync(body, RandomNumberGenerator.GetBytes(length), TestContext.Current.CancellationToken);
            arguments.AddRange(["-d", body]);
        }

        var report = await RunAsync("h2load", [.. arguments, Url(service, "/echo")]);
        TestContext.Current.TestOutputHelper?.WriteLine(report);
        Assert.Matches($"{requests} succeeded, 0 failed, 0 errored, 0 timeout", report);
        Assert.Matches($"status codes: {requests} 2xx", report);
        if (bodyBytes is not null)
        {
            Assert.Equal((long)requests * bodyBytes.Value, long.Parse(Data().Match(report).Groups[1].Value, CultureInfo.InvariantCulture));
        }
    }

    private async Task<Service> ServiceAsync(string name)
    {
        var service = mesh.NewService(name);
        await service.RegisterAsync((await mesh.WorkersAsync(1))[0]);
        return service;
    }

    private string Url(Service service, string path) => mesh.Api.Uri(service.Path + path).AbsoluteUri;

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        await using var process = ChildProcess.Start(program, program, arguments);
        var code = await process.ExitAsync(TimeSpan.FromSeconds(60));
        Assert.True(code == 0, $"Exit code {code}.\n{process.Log}");
        return process.Log;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\((\d+)\) data")]
    private static partial Regex Data();
}
