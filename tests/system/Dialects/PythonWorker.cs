using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace WorkerMesh.Tests.System.Dialects;

/// <summary>A worker of the first system: a Python process that knows the coordinator's address and what it is itself.</summary>
internal sealed partial class PythonWorker : IAsyncDisposable
{
    private PythonWorker(string id, ChildProcess process, Api direct, string[] services) =>
        (Id, Process, Direct, Services) = (id, process, direct, services);

    public string Id { get; }

    public ChildProcess Process { get; }

    public Api Direct { get; }

    /// <summary>What it was assigned.</summary>
    public string[] Services { get; }

    /// <summary>The statuses of its heartbeats, as far as they are kept, each with its number.</summary>
    public IReadOnlyList<(string Status, int Number)> Heartbeats =>
    [
        .. Heartbeat().Matches(Process.Log)
            .Select(m => (m.Groups[1].Value, int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture))),
    ];

    private int LastHeartbeat => Heartbeats.Select(h => h.Number).LastOrDefault();

    /// <summary>Starts it and waits until it is registered.</summary>
    public static async Task<PythonWorker> StartAsync(Api coordinator, string id, object capabilities)
    {
        const string listening = "listening on ";
        const string registered = "registered ";
        var script = Path.Combine(AppContext.BaseDirectory, "clients", "coordinator_worker.py");
        var process = ChildProcess.Start(id, Programs.Python,
        [
            script,
            "--coordinator", coordinator.Address.GetLeftPart(UriPartial.Authority),
            "--id", id,
            "--capabilities", JsonSerializer.Serialize(capabilities),
        ]);
        try
        {
            var url = (await process.LineAsync(listening))[listening.Length..];
            var services = (await process.LineAsync("registered ["))[registered.Length..];
            return new(id, process, new(new Uri(url)), JsonSerializer.Deserialize<string[]>(services)!);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for a heartbeat from now on that is accepted.</summary>
    public Task BeatsAsync()
    {
        var last = LastHeartbeat;
        return Eventually.Holds(
            $"{Id} is answered 200 after heartbeat {last}",
            () => Task.FromResult(Process.Log),
            _ => Heartbeats.Any(h => h.Number > last && h.Status == "200"),
            TimeSpan.FromSeconds(30));
    }

    /// <summary>Has it find the workers of a service and post to each; the ids of those found.</summary>
    public async Task<JsonElement> CallAsync(string service) =>
        (await Direct.GetAsync($"/call?service={service}&n=8")).Expect(200).Json;

    /// <summary>It finds another worker by a service, and gets its answer from it.</summary>
    public async Task ReachesAsync(PythonWorker other, string service)
    {
        var said = await Eventually.Holds(
            $"{Id} finds {other.Id} for {service}",
            () => CallAsync(service),
            said => said.GetProperty("found").EnumerateArray().Any(f => f.GetString() == other.Id));
        var answer = said.GetProperty("answers").EnumerateArray().First(a =>
            a.GetProperty("answer").ValueKind == JsonValueKind.Object
            && a.GetProperty("answer").GetProperty("worker_id").GetString() == other.Id);
        Assert.Equal(200, answer.GetProperty("status").GetInt32());
        Assert.Equal(service, answer.GetProperty("answer").GetProperty("service").GetString());
        Assert.Equal(JsonValueKind.Number, answer.GetProperty("answer").GetProperty("echo").GetProperty("n").ValueKind);
    }

    public async ValueTask DisposeAsync()
    {
        Direct.Dispose();
        await Process.DisposeAsync();
    }

    [GeneratedRegex(@"^heartbeat (\S+) \((\d+)\)", RegexOptions.Multiline)]
    private static partial Regex Heartbeat();
}
