namespace WorkerMesh.Tests.System.Protocols;

/// <summary>A worker in Python, of what its standard library has.</summary>
internal sealed class PlainWorker : IAsyncDisposable
{
    private PlainWorker(ChildProcess process, string url) => (Process, Url) = (process, url);

    public ChildProcess Process { get; }

    public string Url { get; }

    public static async Task<PlainWorker> StartAsync()
    {
        const string listening = "listening on ";
        var script = Path.Combine(AppContext.BaseDirectory, "clients", "plain_worker.py");
        var process = ChildProcess.Start("python", Programs.Python, [script]);
        try
        {
            return new(process, (await process.LineAsync(listening))[listening.Length..]);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}
