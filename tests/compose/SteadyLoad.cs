using System.Collections.Concurrent;
using System.Diagnostics;

namespace WorkerMesh.Tests.Compose;

/// <summary>
/// 100 requests a second to the text workers, through the gateways in turn, by schedule: one that stalls is not spared
/// those that come meanwhile. Goes to the other gateway where one refuses the connection, as any client of two would.
/// </summary>
internal sealed class SteadyLoad : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentBag<string> _wrong = [];
    private readonly Api[] _gateways;
    private readonly Task _running;
    private int _right;

    public SteadyLoad(IEnumerable<Api> gateways)
    {
        // Clients of its own: a test looks for its gateways anew meanwhile.
        _gateways = [.. gateways.Select(g => new Api(g.Address))];
        _running = RunAsync();
    }

    /// <summary>Ends it; fails where a request failed.</summary>
    /// <param name="what">What was done meanwhile.</param>
    public async Task ExpectNoErrorsAsync(string what)
    {
        await StopAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {_right} requests answered, {_wrong.Count} failed");
        Assert.True(
            _wrong.IsEmpty && _right > 0,
            $"{what}: {_right} right; wrong: {string.Join(", ", _wrong.CountBy(w => w).Select(w => $"{w.Key}: {w.Value}"))}");
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _ended.Dispose();
        Array.ForEach(_gateways, g => g.Dispose());
    }

    private async Task StopAsync()
    {
        await _ended.CancelAsync();
        await _running;
    }

    private async Task RunAsync()
    {
        var begun = new List<Task>();
        var clock = Stopwatch.StartNew();
        for (var i = 0; !_ended.IsCancellationRequested; i++)
        {
            var early = (Interval * i) - clock.Elapsed;
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early, TimeProvider.System, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            begun.Add(RequestAsync(i));
        }

        await Task.WhenAll(begun);
    }

    private async Task RequestAsync(int i)
    {
        for (var turn = 0; ; turn++)
        {
            try
            {
                var answer = await Stack.StatsAsync(_gateways[(i + turn) % _gateways.Length]);
                if (answer.Status == 200 && answer.Json.GetProperty("words").GetInt32() == 3)
                {
                    Interlocked.Increment(ref _right);
                }
                else
                {
                    _wrong.Add($"{answer.Status} {answer.Text}");
                }

                return;
            }
            catch (HttpRequestException e) when (
                e.HttpRequestError == HttpRequestError.ConnectionError && turn < _gateways.Length - 1)
            {
                // Refused: the next one.
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                _wrong.Add($"{e.GetType().Name}: {e.GetBaseException().Message}");
                return;
            }
        }
    }
}
