namespace WorkerMesh.Tests.System.Harness;

/// <summary>One process, gateway and silo together, its registrations in a directory.</summary>
public sealed class EmbeddedMesh : Mesh
{
    private readonly List<string> _directories = [];

    public override int Silos => 1;

    /// <summary>Where the gateway that was started last keeps its registrations.</summary>
    public string LastDirectory => _directories[^1];

    public override async ValueTask InitializeAsync() => Gateways.Add(await StartGatewayAsync());

    public override Task<GatewayProcess> StartGatewayAsync(params (string Name, string Value)[] settings)
    {
        _directories.Add(Guard.CreateDirectory());
        return StartAsync(_directories[^1], settings);
    }

    public override Task KillAsync() => Gateways[0].Process.KillAsync();

    public override async Task RestartAsync()
    {
        await Gateways[0].DisposeAsync();
        Gateways[0] = await StartAsync(_directories[0]);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _directories.ForEach(directory => Directory.Delete(directory, recursive: true));
    }

    private static Task<GatewayProcess> StartAsync(string directory, params (string Name, string Value)[] settings) =>
        GatewayProcess.StartAsync(
            "gateway",
            settings.Append(("Mesh__DataDirectory", directory)).ToDictionary(s => s.Item1, s => s.Item2));
}
