using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// Requests to a service type at a fixed rate, through all gateways in turn. They start by schedule, whether or not
/// those before have been answered: a gateway that stalls is not spared the requests that come meanwhile. A client goes
/// to another gateway where one refuses the connection, and only then.
/// </summary>
public sealed class Load : IAsyncDisposable
{
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentBag<WrongAnswer> _wrong = [];
    private readonly ConcurrentDictionary<string, int> _byWorker = new();
    private readonly ConcurrentBag<TimeSpan> _latencies = [];
    private readonly ConcurrentBag<TimeSpan> _rightAt = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();
    private readonly List<(Func<bool> Reached, TaskCompletionSource Signal)> _milestones = [];
    private readonly IReadOnlyList<Api> _gateways;
    private readonly string _path;
    private readonly int _everyNthPost;
    private readonly Task _running;
    private int _right;

    private Load(IReadOnlyList<Api> gateways, string path, int perSecond, int everyNthPost)
    {
        _gateways = gateways;
        _path = path;
        _everyNthPost = everyNthPost;
        _running = RunAsync(TimeSpan.FromSeconds(1.0 / perSecond));
    }

    /// <summary>The time on its clock.</summary>
    public TimeSpan Now => _clock.Elapsed;

    /// <param name="mesh">Where the gateways are.</param>
    /// <param name="service">What is asked for.</param>
    /// <param name="perSecond">How many requests a second.</param>
    /// <param name="everyNthPost">Every so many requests one is a POST with a body; 0: all are GETs.</param>
    public static Load Start(Mesh mesh, Service service, int perSecond, int everyNthPost = 0) =>
        new([.. mesh.Gateways.Select(g => g.Api)], service.Path, perSecond, everyNthPost);

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

    private LoadReport Report()
    {
        var (gap, last) = (TimeSpan.Zero, TimeSpan.Zero);
        foreach (var at in _rightAt.Order())
        {
            gap = at - last > gap ? at - last : gap;
            last = at;
        }

        return new(_right, [.. _wrong.OrderBy(w => w.Begun)], _byWorker, [.. _latencies.Order()], gap);
    }

    private async Task RunAsync(TimeSpan interval)
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

            begun.Add(RequestAsync(i, due));
            if (begun.Count % 10_000 == 0)
            {
                begun.RemoveAll(request => request.IsCompletedSuccessfully);
            }
        }

        await Task.WhenAll(begun);
    }

    private async Task RequestAsync(int i, TimeSpan due)
    {
        var isPost = _everyNthPost > 0 && i % _everyNthPost == 0;
        StrongBox<Api> gateway = new(_gateways[i % _gateways.Count]);
        var begun = _clock.Elapsed;
        int? status = null;
        string? fault;
        try
        {
            var answer = await SendAsync(i, isPost, gateway);
            status = answer.Status;
            fault = answer.Status != 200 ? $"{answer.Status} {answer.Text}" : isPost ? PostFault(answer, i) : GetFault(answer, i);
            if (fault is null)
            {
                _rightAt.Add(_clock.Elapsed);
                Interlocked.Increment(ref _right);
                _byWorker.AddOrUpdate(answer.MeshWorker!, 1, (_, n) => n + 1);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            fault = $"{e.GetType().Name}: {e.GetBaseException().Message}";
        }

        _latencies.Add(_clock.Elapsed - due);
        if (fault is not null)
        {
            _wrong.Add(new(isPost ? HttpMethod.Post : HttpMethod.Get, gateway.Value!.Address, begun, _clock.Elapsed, status, fault));
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

    private async Task<Answer> SendAsync(int i, bool isPost, StrongBox<Api> gateway)
    {
        for (var turn = 0; ; turn++)
        {
            var here = gateway.Value = _gateways[(i + turn) % _gateways.Count];
            try
            {
                return isPost
                    ? await here.PostAsync(_path + "/echo", new StringContent(BodyOf(i)))
                    : await here.GetAsync(_path + TargetOf(i));
            }
            catch (HttpRequestException e) when (
                e.HttpRequestError == HttpRequestError.ConnectionError && turn < _gateways.Count - 1)
            {
                // Refused: the next one.
            }
        }
    }

    private static string TargetOf(int i) => $"/load/{i}?of={i}";

    private static string BodyOf(int i) => $"load {i} of {i}";

    private static string? GetFault(Answer answer, int i) =>
        answer.Json.GetProperty("path").GetString() != TargetOf(i) ? $"wrong answer {answer.Text}" : NamelessFault(answer);

    private static string? PostFault(Answer answer, int i) =>
        answer.Text != BodyOf(i) ? $"wrong answer {answer.Text}" : NamelessFault(answer);

    private static string? NamelessFault(Answer answer) => answer.MeshWorker is null ? "no worker named" : null;
}
