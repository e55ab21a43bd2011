using System.Collections.Concurrent;
using System.Diagnostics;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// Requests to a service type at a fixed rate, through all gateways in turn. They start by schedule, whether or not
/// those before have been answered: a gateway that stalls is not spared the requests that come meanwhile.
/// </summary>
public sealed class Load : IAsyncDisposable
{
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentDictionary<string, int> _wrong = new();
    private readonly ConcurrentDictionary<string, int> _byWorker = new();
    private readonly ConcurrentBag<TimeSpan> _latencies = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();
    private readonly List<(Func<bool> Reached, TaskCompletionSource Signal)> _milestones = [];
    private readonly Task _running;
    private int _right;

    private Load(IReadOnlyList<Api> gateways, string path, int perSecond) =>
        _running = RunAsync(gateways, path, TimeSpan.FromSeconds(1.0 / perSecond));

    public static Load Start(Mesh mesh, Service service, int perSecond) =>
        new([.. mesh.Gateways.Select(g => g.Api)], service.Path, perSecond);

    /// <summary>Waits until so many more requests have been answered, by this worker where one is given.</summary>
    public async Task AnsweredAsync(int more, string? worker = null)
    {
        var goal = Count() + more;
        TaskCompletionSource signal = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _milestones.Add((() => Count() >= goal, signal));
        }

        try
        {
            await signal.Task.WaitAsync(
                TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(
                $"Not {more} more answers from {worker ?? "any worker"} within 60 s: {Report()}", e);
        }

        int Count() => worker is null ? Volatile.Read(ref _right) : _byWorker.GetValueOrDefault(worker);
    }

    /// <summary>Ends it; every request that was begun is waited for and counted.</summary>
    public async Task<LoadReport> StopAsync()
    {
        await _ended.CancelAsync();
        await _running;
        return Report();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _ended.Dispose();
    }

    private LoadReport Report() => new(_right, _wrong, _byWorker, [.. _latencies.Order()]);

    private async Task RunAsync(IReadOnlyList<Api> gateways, string path, TimeSpan interval)
    {
        var begun = new List<Task>();
        for (var i = 0; !_ended.IsCancellationRequested; i++)
        {
            var due = interval * i;
            var early = due - _clock.Elapsed;
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early, TimeProvider.System, _ended.Token)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            begun.Add(RequestAsync(gateways[i % gateways.Count], $"/load/{i}?of={i}", path, due));
        }

        await Task.WhenAll(begun);
    }

    private async Task RequestAsync(Api gateway, string target, string path, TimeSpan due)
    {
        string? fault;
        try
        {
            var answer = await gateway.GetAsync(path + target);
            fault = answer.Status != 200 ? $"{answer.Status} {answer.Text}"
                : answer.Json.GetProperty("path").GetString() != target ? $"wrong answer {answer.Text}"
                : answer.MeshWorker is null ? "no worker named"
                : null;
            if (fault is null)
            {
                Interlocked.Increment(ref _right);
                _byWorker.AddOrUpdate(answer.MeshWorker!, 1, (_, n) => n + 1);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            fault = $"{e.GetType().Name}: {e.Message}";
        }

        _latencies.Add(_clock.Elapsed - due);
        if (fault is not null)
        {
            _wrong.AddOrUpdate(fault, 1, (_, n) => n + 1);
        }

        lock (_gate)
        {
            foreach (var (_, signal) in _milestones.Where(m => m.Reached()))
            {
                signal.TrySetResult();
            }

            _milestones.RemoveAll(m => m.Signal.Task.IsCompleted);
        }
    }
}
