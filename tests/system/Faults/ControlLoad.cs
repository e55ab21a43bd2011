using System.Collections.Concurrent;
using System.Diagnostics;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// What workers and operators ask of the control API all the time: some register, again and again, and leave; all send
/// heartbeats; others look. Every answer is held against a <see cref="RegistryModel"/>. A client goes to another
/// gateway where one refuses the connection, and only then.
/// </summary>
public sealed class ControlLoad : IAsyncDisposable
{
    private const int Registrars = 4;
    private const int IdsEach = 40;
    private static readonly TimeSpan RegistrarPause = TimeSpan.FromMilliseconds(80);
    private static readonly TimeSpan BeatPause = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _ended = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly ConcurrentBag<ControlCall> _calls = [];
    private readonly ConcurrentDictionary<TaskCompletionSource, bool> _underWay = [];
    private readonly IReadOnlyList<Api> _gateways;
    private readonly string _prefix;
    private readonly ConcurrentDictionary<string, bool> _routed;
    private readonly Task _running;
    private int _turn;

    /// <param name="mesh">The mesh.</param>
    /// <param name="prefix">Of the ids and service types that it makes up.</param>
    /// <param name="routed">Ids of workers that somebody else has registered and that need heartbeats.</param>
    public ControlLoad(Mesh mesh, string prefix, IEnumerable<string> routed)
    {
        _gateways = [.. mesh.Gateways.Select(g => g.Api)];
        _prefix = prefix;
        _routed = new(routed.Select(id => KeyValuePair.Create(id, true)));
        Services = [.. Enumerable.Range(0, 5).Select(i => $"{prefix}-{i}")];
        _running = Task.WhenAll(
            [.. Enumerable.Range(0, Registrars).Select(RegisterAsync), BeatAsync(), LookAsync()]);
    }

    public RegistryModel Model { get; } = new();

    public IReadOnlyList<string> Services { get; }

    public string Prefix => _prefix + ".";

    public TimeSpan Now => _clock.Elapsed;

    /// <summary>For this worker no more heartbeats are sent.</summary>
    public void Silence(string routed) => _routed.TryRemove(routed, out _);

    public void Resume(string routed) => _routed[routed] = true;

    /// <summary>Waits until every call that is under way now has ended.</summary>
    public Task AnsweredAsync() => Task.WhenAll(_underWay.Keys.Select(call => call.Task));

    /// <summary>Ends it, once every call is answered.</summary>
    public async Task<ControlReport> StopAsync()
    {
        await _ended.CancelAsync();
        await _running;
        return Report();
    }

    public ControlReport Report() => new([.. _calls.OrderBy(c => c.Begun)], Model.Acknowledged, [.. Model.Breaches]);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _ended.Dispose();
    }

    private async Task RegisterAsync(int registrar)
    {
        var random = new Random(registrar);
        while (!_ended.IsCancellationRequested)
        {
            // No two registrars share an id: what is known of one is not changed by somebody else.
            var id = $"{Prefix}{registrar}-{random.Next(IdsEach)}";
            var certain = Model.Changing(id);
            switch (random.Next(8))
            {
                case 0:
                    await UnregisterAsync(id, certain);
                    break;
                case 1:
                    await DrainAsync(id, random.Next(2) == 0, certain);
                    break;
                default:
                    // Some of the service types, also none: a worker moves from one list to another.
                    await RegisterAsync(id, [.. Services.Where(_ => random.Next(3) == 0)], random.Next(1, 1000));
                    break;
            }

            await PauseAsync(RegistrarPause);
        }
    }

    private async Task RegisterAsync(string id, string[] services, int weight)
    {
        var body = new { url = "http://127.0.0.1:9", services, weight, lease_seconds = 600 };
        if (await SendAsync("register", HttpMethod.Put, $"/api/workers/{id}?check=false", body) is { Status: 200 or 201 } done)
        {
            Model.OnRegistered(id, new(done.Json.GetProperty("incarnation").GetInt64(), weight, ModelWorker.Join(services), false));
        }
    }

    private async Task UnregisterAsync(string id, bool certain)
    {
        if (await SendAsync("unregister", HttpMethod.Delete, $"/api/workers/{id}") is { Status: 204 or 404 } gone)
        {
            Model.OnRemoved(id, gone.Status == 204, certain);
        }
    }

    private async Task DrainAsync(string id, bool draining, bool certain)
    {
        var method = draining ? HttpMethod.Post : HttpMethod.Delete;
        if (await SendAsync("drain", method, $"/api/workers/{id}/drain") is { Status: 200 or 404 } done)
        {
            Model.OnDrained(id, done.Status == 200 ? done.Json.GetProperty("incarnation").GetInt64() : null, draining, certain);
        }
    }

    /// <summary>One request each time, as an agent beside many workers would.</summary>
    private async Task BeatAsync()
    {
        while (!_ended.IsCancellationRequested)
        {
            var ids = _routed.Keys.ToList();
            var answer = await SendAsync(
                "heartbeat", HttpMethod.Post, "/api/workers/heartbeats", new { workers = ids.Select(id => new { worker_id = id }) });
            if (answer is { Status: 200 })
            {
                foreach (var result in answer.Json.GetProperty("results").EnumerateArray())
                {
                    var status = result.GetProperty("status").GetString();
                    if (status == "unavailable")
                    {
                        // There is no header for each of a batch.
                        _calls.Add(new("heartbeat", Now, Now, 503, SaysWhen: true, "of one worker"));
                    }
                    else if (status != "renewed")
                    {
                        Model.Breach($"The heartbeat of {result.GetProperty("worker_id")} was answered {status}.");
                    }
                }
            }

            await PauseAsync(BeatPause);
        }
    }

    private async Task LookAsync()
    {
        var random = new Random(1);
        while (!_ended.IsCancellationRequested)
        {
            if (_routed.Keys.ElementAtOrDefault(random.Next(3)) is { } id
                && await SendAsync("describe", HttpMethod.Get, $"/api/workers/{id}") is { Status: 404 })
            {
                Model.Breach($"{id} is unknown.");
            }

            await SendAsync("list", HttpMethod.Get, $"/api/workers?limit=20&after={Prefix}{random.Next(4)}");
            await SendAsync("services", HttpMethod.Get, "/api/services");
            await PauseAsync(RegistrarPause);
        }
    }

    private async Task<Answer?> SendAsync(string what, HttpMethod method, string path, object? body = null)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _underWay[ended] = true;
        try
        {
            return await SendToAnyAsync(what, method, path, body);
        }
        finally
        {
            _underWay.TryRemove(ended, out _);
            ended.SetResult();
        }
    }

    private async Task<Answer?> SendToAnyAsync(string what, HttpMethod method, string path, object? body)
    {
        var begun = Now;
        var first = Interlocked.Increment(ref _turn);
        for (var turn = 0; ; turn++)
        {
            var gateway = _gateways[(first + turn) % _gateways.Count];
            try
            {
                var answer = await gateway.SendAsync(method, path, body);
                var expected = answer.Status is 200 or 201 or 204 or 404;
                _calls.Add(new(
                    what, begun, Now, answer.Status, answer.Header("Retry-After") is not null, expected ? null : answer.ToString()));
                return answer;
            }
            catch (HttpRequestException e) when (
                e.HttpRequestError == HttpRequestError.ConnectionError && turn < _gateways.Count - 1)
            {
                // Refused: the next one.
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                _calls.Add(new(what, begun, Now, null, false, $"{gateway.Address} {e.GetBaseException().Message}"));
                return null;
            }
        }
    }

    private Task PauseAsync(TimeSpan pause) => Task.Delay(pause, TimeProvider.System, _ended.Token)
        .ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
