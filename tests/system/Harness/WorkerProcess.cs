using System.Globalization;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// An HTTP worker in a process of its own. It can be killed and started again on the same or another port.
/// </summary>
public sealed class WorkerProcess : IAsyncDisposable
{
    private readonly string[] _options;

    private WorkerProcess(string name, string[] options) => (Name, _options) = (name, options);

    public string Name { get; }

    public ChildProcess Process { get; private set; } = null!;

    /// <summary>Talks to it without a gateway between.</summary>
    public Api Direct { get; private set; } = null!;

    public string Url => Direct.Address.GetLeftPart(UriPartial.Authority);

    /// <param name="name">Its name.</param>
    /// <param name="options">More arguments for the program.</param>
    public static async Task<WorkerProcess> StartAsync(string name, params string[] options)
    {
        var worker = new WorkerProcess(name, options);
        await worker.StartAsync(FreePort.Take());
        return worker;
    }

    /// <summary>One that takes a tenth of the memory and answers less (light_worker.py); can't be started again.</summary>
    public static async Task<WorkerProcess> StartLightAsync(string name)
    {
        var worker = new WorkerProcess(name, []);
        var script = Path.Combine(AppContext.BaseDirectory, "clients", "light_worker.py");
        await worker.ListenAsync(ChildProcess.Start(name, Programs.Python, [script, name]));
        return worker;
    }

    /// <summary>What it does with every request from now on, as HttpWorker.SetMode names it.</summary>
    public async Task SetModeAsync(string mode) => (await Direct.PutAsync($"/mode?{mode}", "")).Expect(200);

    /// <summary>How many requests it has seen.</summary>
    public async Task<int> SeenAsync() => (await Direct.GetAsync("/mode")).Expect(200).Json.GetProperty("seen").GetInt32();

    /// <summary>After the process is gone.</summary>
    public async Task RestartAsync(bool samePort)
    {
        var port = samePort ? Direct.Address.Port : FreePort.Take();
        await DisposeAsync();
        await StartAsync(port);
    }

    public async ValueTask DisposeAsync()
    {
        Direct?.Dispose();
        await Process.DisposeAsync();
    }

    private Task StartAsync(int port) => ListenAsync(ChildProcess.Start(
        Name, Programs.Worker, ["--port", port.ToString(CultureInfo.InvariantCulture), "--name", Name, .. _options]));

    private async Task ListenAsync(ChildProcess process)
    {
        const string listening = "listening on ";
        Process = process;
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
