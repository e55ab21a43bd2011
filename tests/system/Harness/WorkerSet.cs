namespace WorkerMesh.Tests.System.Harness;

/// <summary>Worker processes of one test, which may change and kill them.</summary>
public sealed class WorkerSet(WorkerProcess[] workers) : IAsyncDisposable
{
    public WorkerProcess[] All => workers;

    public static Task<WorkerProcess[]> StartAsync(string name, int count) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(i => WorkerProcess.StartAsync($"{name}{i}")));

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in workers)
        {
            await worker.DisposeAsync();
        }
    }
}
