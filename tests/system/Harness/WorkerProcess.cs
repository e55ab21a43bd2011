using System.Globalization;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// An HTTP worker in a process of its own. It can be killed and started again on the same or another port.
/// </summary>
public sealed class WorkerProcess : IAsyncDisposable
{
    private WorkerProcess(string name) => Name = name;

    public string Name { get; }

    public ChildProcess Process { get; private set; } = null!;

    /// <summary>Talks to it without a gateway between.</summary>
    public Api Direct { get; private set; } = null!;

    public string Url => Direct.Address.GetLeftPart(UriPartial.Authority);

    public static async Task<WorkerProcess> StartAsync(string name)
    {
        var worker = new WorkerProcess(name);
        await worker.StartAsync(port: 0);
        return worker;
    }

    /// <summary>What it does with every request from now on, as HttpWorker.SetMode names it.</summary>
    public async Task SetModeAsync(string mode) => (await Direct.PutAsync($"/mode?{mode}", "")).Expect(200);

    /// <summary>How many requests it has seen.</summary>
    public async Task<int> SeenAsync() => (await Direct.GetAsync("/mode")).Expect(200).Json.GetProperty("seen").GetInt32();

    /// <summary>After the process is gone.</summary>
    public async Task RestartAsync(bool samePort)
    {
        var port = samePort ? Direct.Address.Port : 0;
        await DisposeAsync();
        await StartAsync(port);
    }

    public async ValueTask DisposeAsync()
    {
        Direct?.Dispose();
        await Process.DisposeAsync();
    }

    private async Task StartAsync(int port)
    {
        const string listening = "listening on ";
        Process = ChildProcess.Start(
            Name, Programs.Worker, ["--port", port.ToString(CultureInfo.InvariantCulture), "--name", Name]);
        try
        {
            Direct = new(new Uri((await Process.LineAsync(listening))[listening.Length..]));
        }
        catch
        {
            await Process.DisposeAsync();
            throw;
        }
    }
}
