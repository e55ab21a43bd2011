namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// Heartbeats for workers that do not send their own, through all gateways in turn, until it is disposed of.
/// </summary>
public sealed class Heartbeats : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(400);

    private readonly CancellationTokenSource _ended = new();
    private readonly HashSet<string> _alive;
    private readonly Task _running;

    public Heartbeats(Mesh mesh, IEnumerable<string> workers)
    {
        _alive = [.. workers];
        _running = RunAsync(mesh);
    }

    /// <summary>For this worker no more are sent.</summary>
    public void Silence(string worker)
    {
        lock (_alive)
        {
            _alive.Remove(worker);
        }
    }

    public void Resume(string worker)
    {
        lock (_alive)
        {
            _alive.Add(worker);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _running;
        _ended.Dispose();
    }

    private async Task RunAsync(Mesh mesh)
    {
        for (var turn = 0; !_ended.IsCancellationRequested; turn++)
        {
            object[] beats;
            lock (_alive)
            {
                beats = [.. _alive.Select(id => new { worker_id = id })];
            }

            var answer = await mesh.Gateways[turn % mesh.Gateways.Count].Api
                .PostAsync("/api/workers/heartbeats", new { workers = beats });
            Assert.Equal(beats.Length, answer.Expect(200).Json.GetProperty("renewed").GetInt32());
            await Task.Delay(Interval, TimeProvider.System, _ended.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
