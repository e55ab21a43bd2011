using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Assignment;

/// <summary>A ledger and what its registries say, one change at a time.</summary>
internal sealed class LedgerFixture(IReadOnlyList<AssignableService>? catalog = null)
{
    public const string Gpu = """{"has_gpu": true}""";
    public const string Cpu = """{"worker_type": "cpu"}""";
    public const string StorageWorker = """{"has_storage": true}""";
    public const string Edge = """{"has_edge": true}""";
    public const string Plain = "{}";

    private readonly Dictionary<string, (long Epoch, long Version)> registries = [];

    public AssignmentLedger Ledger { get; } = new(catalog ?? DefaultCatalog.Services);

    public TimeSpan Now { get; set; }

    /// <summary>What a worker is given, in order, names with a space between.</summary>
    public string Assign(string id, string capabilities) => string.Join(
        ' ', Ledger.Assign(WorkerId.Parse(id), WorkerProfile.Of(capabilities), Now).Select(s => s.Value));

    /// <summary>The registries of these services show the worker.</summary>
    public void Show(string id, string capabilities, string services, WorkerState state = WorkerState.Online)
    {
        foreach (var service in services.Split(' '))
        {
            Apply(service, Change(id, state, capabilities));
        }
    }

    /// <summary>The same, of a worker whose registration the ledger has from before.</summary>
    public void Turn(string id, string services, WorkerState state)
    {
        foreach (var service in services.Split(' '))
        {
            Apply(service, Change(id, state));
        }
    }

    public void Remove(string id, string services)
    {
        foreach (var service in services.Split(' '))
        {
            Apply(service, Change(id, WorkerState.Online) with { Removed = true });
        }
    }

    /// <summary>Another activation of the registry gives its whole list.</summary>
    public void ShowWhole(string service, params InstanceChange[] workers)
    {
        var (epoch, version) = registries.GetValueOrDefault(service, (1, 100));
        registries[service] = (epoch + 1, version + 1000);
        Ledger.Apply(new(ServiceType.ParseKey(service), epoch + 1, 0, version + 1000, [.. workers]));
    }

    public void Apply(string service, InstanceChange change)
    {
        var (epoch, version) = registries.GetValueOrDefault(service, (1, 100));
        registries[service] = (epoch, version + 1);
        Ledger.Apply(new(
            ServiceType.ParseKey(service), epoch, version, version + 1, [change with { Version = version + 1 }]));
    }

    public static InstanceChange Change(string id, WorkerState state, string? capabilities = null) => new(
        WorkerId.Parse(id),
        Incarnation: 1,
        Removed: false,
        state,
        Load: 0,
        ActiveRequests: 0,
        AddedVersion: 1,
        Version: 1,
        capabilities is null ? null : new() { Urls = ["http://w"], Services = [], Capabilities = capabilities });
}
