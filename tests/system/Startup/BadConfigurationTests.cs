using System.Net;
using System.Net.Sockets;
using WorkerMesh.Tests.Cluster.Postgres;
using ChildProcess = WorkerMesh.Tests.System.Harness.ChildProcess;

namespace WorkerMesh.Tests.System.Startup;

/// <summary>What can't be used is said in a sentence, and the process ends with 1.</summary>
public sealed class BadConfigurationTests(SharedPostgres postgres)
{
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("Silo__AdvertisedAddress", "foo", "Silo:AdvertisedAddress")]
    [InlineData("Silo__SiloPort", "99999", "SiloPort")]
    [InlineData("Silo__SiloPort", "many", "SiloPort")]
    [InlineData("Mesh__ClusterId", "a b", "Mesh:ClusterId")]
    [InlineData("Silo__MonitoringPort", "99999", "MonitoringPort")]
    [InlineData("Registry__LoadStep", "7", "LoadStep")]
    [InlineData("ConnectionStrings__Cluster", "", "ConnectionStrings__Cluster")]
    [InlineData("ConnectionStrings__Cluster", "Host=db;Color=green", "ConnectionStrings__Cluster")]
    [InlineData("ConnectionStrings__Cluster", "db:5432/mesh", "ConnectionStrings__Cluster")]
    public async Task A_silo_ends_with_a_sentence_that_names_the_setting(string setting, string value, string named)
    {
        var database = await (await postgres.StartAsync()).CreateDatabaseAsync(TestContext.Current.CancellationToken);
        var settings = new Dictionary<string, string> { ["ConnectionStrings__Cluster"] = database };
        settings[setting] = value;
        await using var silo = SiloProcess.Launch("silo", settings);
        await ExpectSentenceAsync(silo.Process, named);
    }

    [Theory]
    [InlineData("Gateway__Zone", "a b", "Gateway:Zone")]
    [InlineData("Gateway__ConnectTimeout", "soon", "Gateway:ConnectTimeout")]
    [InlineData("Gateway__ConnectTimeout", "00:00:00", "ConnectTimeout")]
    [InlineData("Gateway__Services__ocr__FirstByteTimeout", "00:00:00", "Gateway:Services:ocr.FirstByteTimeout")]
    [InlineData("Gateway__Services__a b__FirstByteTimeout", "00:00:01", "Gateway:Services:a b")]
    [InlineData("Mesh__DataDirectory", "/proc/nowhere", "/proc/nowhere")]
    [InlineData("Kestrel__Endpoints__A__Url", "here", "Kestrel:Endpoints:A:Url")]
    [InlineData("Kestrel__Endpoints__A__Url", "https://127.0.0.1:0", "Kestrel:Certificates:Default:Path")]
    [InlineData("Kestrel__Certificates__Default__Path", "/nowhere.pem", "Kestrel:Certificates:Default")]
    [InlineData("Gateway__ForwardingPorts__0", "9000", "Gateway:ForwardingPorts:0")]
    [InlineData("Logging__LogLevel__WorkerMesh", "loud", "Logging:LogLevel:WorkerMesh")]
    [InlineData("Dashboard__Username", "operator", "Dashboard:Username and Dashboard:Password")]
    [InlineData("Dashboard__Enabled", "perhaps", "Dashboard:Enabled")]
    [InlineData("ConnectionStrings__Cluster", "Host=db;Color=green", "ConnectionStrings__Cluster")]
    [InlineData("ConnectionStrings__Cluster", "db:5432/mesh", "ConnectionStrings__Cluster")]
    public async Task A_gateway_ends_with_a_sentence_that_names_the_setting(string setting, string value, string named)
    {
        var settings = new Dictionary<string, string> { ["Mesh__DataDirectory"] = Guard.CreateDirectory() };
        settings[setting] = value;
        await using var gateway = ChildProcess.Start(
            "gateway", Programs.Gateway, ["--urls", "http://127.0.0.1:0"], settings);
        await ExpectSentenceAsync(gateway, named);
    }

    [Fact]
    public async Task A_gateway_whose_port_is_taken_ends_with_a_sentence_that_names_it()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var settings = new Dictionary<string, string> { ["Mesh__DataDirectory"] = Guard.CreateDirectory() };
        await using var gateway = ChildProcess.Start(
            "gateway", Programs.Gateway, ["--urls", $"http://{taken.LocalEndpoint}"], settings);
        // Its silo has begun to start by then, and says so while it stops.
        await ExpectSentenceAsync(gateway, taken.LocalEndpoint.ToString()!, alone: false);
    }

    [Fact]
    public async Task A_silo_that_PostgreSQL_refuses_ends_with_a_sentence_that_says_so()
    {
        var server = await postgres.StartAsync();
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__Cluster"] = server.ConnectionString("nowhere"),
        };
        await using var silo = SiloProcess.Launch("silo", settings);
        await ExpectSentenceAsync(silo.Process, "\"nowhere\" does not exist");
    }

    private static async Task ExpectSentenceAsync(ChildProcess process, string named, bool alone = true)
    {
        var code = await process.ExitAsync(EndTime);
        Assert.True(code == 1, $"Expected exit code 1. Actual: {code}\n{process.Log}");
        var sentence = Assert.Single(
            process.Log.Split('\n'), line => line.StartsWith("WorkerMesh can't start: ", StringComparison.Ordinal));
        Assert.Contains(named, sentence, StringComparison.Ordinal);
        Assert.True(!alone || !process.Log.Contains("   at ", StringComparison.Ordinal), process.Log);
    }
}
