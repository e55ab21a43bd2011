namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// A place for a silo: whatever ends the process there, another one is started at the same address, as a container
/// engine or systemd does.
/// </summary>
public sealed class SupervisedSilo(string name, IReadOnlyDictionary<string, string> settings, string? host = null)
    : IAsyncDisposable
{
    private static readonly TimeSpan RestartPause = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly CancellationTokenSource _ended = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource? _held;
    private Task _supervising = Task.CompletedTask;
    private volatile SiloProcess _current = null!;
    private int _starts;

    public string Name => name;

    public SiloProcess Current => _current;

    /// <summary>How many processes there have been.</summary>
    public int Starts => Volatile.Read(ref _starts);

    public int SiloPort { get; private set; }

    private int GatewayPort { get; set; }

    public async Task StartAsync()
    {
        Launch();
        await ActiveAsync();
        _supervising = SuperviseAsync();
    }

    /// <summary>SIGKILL. The next process is started at once.</summary>
    public Task KillAsync() => _current.Process.KillAsync();

    /// <summary>From now on nothing is started here until <see cref="Release"/>.</summary>
    public void Hold()
    {
        lock (_gate)
        {
            _held ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <param name="newAddress">Whether the next process has other ports, as a container has another address.</param>
    public void Release(bool newAddress = false)
    {
        lock (_gate)
        {
            if (newAddress)
            {
                (SiloPort, GatewayPort) = (0, 0);
            }

            _held?.TrySetResult();
            _held = null;
        }
    }

    /// <summary>SIGTERM, and waits until the process has ended and its successor is active.</summary>
    public async Task RollAsync()
    {
        var old = _current;
        await old.Process.SignalAsync("TERM");
        var exit = await old.Process.ExitAsync(TimeSpan.FromSeconds(30));
        Assert.True(exit == 0, $"Exit code {exit} after SIGTERM.\n{old.Process.Log}");
        await Eventually.Holds($"{name} is started again", () => Task.FromResult(_current != old), replaced => replaced, Patience);
        await ActiveAsync();
    }

    /// <summary>Waits until the process that runs here is active.</summary>
    public async Task ActiveAsync()
    {
        while (true)
        {
            var current = _current;
            try
            {
                await current.ActiveAsync(Patience);
                (SiloPort, GatewayPort) = (current.SiloPort, current.GatewayPort);
                if (!current.Process.Exited.IsCompleted || _supervising.IsCompleted)
                {
                    return;
                }
            }
            catch (InvalidOperationException) when (!_supervising.IsCompleted)
            {
                // It ended before.
            }

            // Its successor is on its way.
            await Task.Delay(RestartPause, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        Release();
        await _current.DisposeAsync();
        await _supervising;
        await _current.DisposeAsync();
        _ended.Dispose();
    }

    private void Launch()
    {
        _current = SiloProcess.Launch(name, settings, SiloPort, GatewayPort, host);
        Interlocked.Increment(ref _starts);
    }

    private async Task SuperviseAsync()
    {
        while (true)
        {
            await _current.Process.Exited;
            Task held;
            lock (_gate)
            {
                held = _held?.Task ?? Task.CompletedTask;
            }

            await held;
            await Task.Delay(RestartPause, TimeProvider.System, _ended.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_ended.IsCancellationRequested)
            {
                return;
            }

            Launch();
        }
    }
}
