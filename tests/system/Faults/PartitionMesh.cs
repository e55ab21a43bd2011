namespace WorkerMesh.Tests.System.Faults;

/// <summary>A cluster whose silos are on hosts of their own.</summary>
public sealed class PartitionMesh : FaultMesh
{
    private HostNetwork? _network;

    protected override string DatabaseHost => HostNetwork.DatabaseAddress;

    public override async ValueTask InitializeAsync()
    {
        if (Environment.UserName != "root")
        {
            // The test says so; a fixture can't skip.
            return;
        }

        _network = await HostNetwork.CreateAsync(Silos);
        await base.InitializeAsync();
    }

    /// <summary>Cuts a silo off from the others and the database, not from the gateways.</summary>
    public async Task CutOffAsync(int silo)
    {
        var address = HostNetwork.AddressOf(silo);
        foreach (var other in Enumerable.Range(0, Silos).Where(i => i != silo).Select(HostNetwork.AddressOf))
        {
            await _network!.CutAsync(address, other);
        }

        await _network!.CutAsync(address, DatabaseHost);
    }

    public Task HealNetworkAsync() => _network!.HealAsync();

    public override async ValueTask DisposeAsync()
    {
        if (_network is not null)
        {
            await base.DisposeAsync();
            await _network.DisposeAsync();
        }
    }

    protected override string? HostOf(int silo) => _network!.NameOf(silo);
}
