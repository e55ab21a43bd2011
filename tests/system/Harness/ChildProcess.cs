using System.Diagnostics;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>A process that a test started: what it writes can be awaited, and it can be sent signals.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private const int LinesKept = 200;
    private const int FaultsKept = 20;
    private const string Fault = "An unhandled exception";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] Inherited = ["PATH", "HOME", "LANG", "TMPDIR", "DOTNET_ROOT", "USER"];

    /// <summary>
    /// For processes that live for seconds: compiling again what was called 30 times, twice, took a quarter of the
    /// processors' time in these tests. What is called a thousand times (hexadecimal) still is, once.
    /// </summary>
    private static readonly Dictionary<string, string> ShortLife = new()
    {
        ["DOTNET_TieredPGO"] = "0",
        ["DOTNET_TC_CallCountThreshold"] = "3E8",
    };

    private readonly Process _process;
    private readonly string _name;
    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();
    private readonly List<string> _faults = [];
    private readonly List<(string Text, TaskCompletionSource<string> Found)> _awaited = [];
    private readonly TaskCompletionSource _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _ended;
    private bool _disposed;

    private ChildProcess(string name, Process process)
    {
        _name = name;
        _process = process;
        Id = process.Id;
        Guard.Started(Id);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => _exited.TrySetResult();
        process.OutputDataReceived += (_, e) => OnLine(e.Data);
        process.ErrorDataReceived += (_, e) => OnLine(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id { get; }

    /// <summary>Ends with the process.</summary>
    public Task Exited => _exited.Task;

    /// <summary>What it wrote last, for messages.</summary>
    public string Log
    {
        get
        {
            lock (_gate)
            {
                return $"--- {_name} (process {Id}), last lines:\n{string.Join('\n', _lines)}\n---";
            }
        }
    }

    /// <summary>The first requests that it could not make an answer of its own for, each with the exception.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_gate)
            {
                return [.. _faults];
            }
        }
    }

    /// <summary>The lines kept that hold this text.</summary>
    public IReadOnlyList<string> LinesWith(string text)
    {
        lock (_gate)
        {
            return [.. _lines.Where(line => line.Contains(text, StringComparison.Ordinal))];
        }
    }

    /// <summary>
    /// Starts a program with only these settings in its environment, whatever the tests were started with.
    /// </summary>
    public static ChildProcess Start(
        string name, string file, string[] arguments, IReadOnlyDictionary<string, string>? settings = null)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var variable in start.Environment.Keys.Except(Inherited).ToList())
        {
            start.Environment.Remove(variable);
        }

        foreach (var (variable, value) in ShortLife.Concat(settings ?? new Dictionary<string, string>()))
        {
            start.Environment[variable] = value;
        }

        return new(name, Process.Start(start)!);
    }

    /// <summary>
    /// The first line kept or still to come that holds this text; fails when the process ends without it.
    /// </summary>
    public async Task<string> LineAsync(string text, TimeSpan? within = null)
    {
        TaskCompletionSource<string> found = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_lines.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } line)
            {
                return line;
            }

            if (_ended)
            {
                throw new InvalidOperationException($"{_name} has ended without writing '{text}'.\n{Log}");
            }

            _awaited.Add((text, found));
        }

        try
        {
            return await found.Task.WaitAsync(
                within ?? Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{_name} did not write '{text}' within {within ?? Patience}.\n{Log}", e);
        }
    }

    /// <summary>Waits until it ends; returns its exit code once all that it wrote has been read.</summary>
    public async Task<int> ExitAsync(TimeSpan within)
    {
        try
        {
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken)
                .WaitAsync(within, TimeProvider.System);
            return _process.ExitCode;
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{_name} did not end within {within}.\n{Log}", e);
        }
    }

    /// <summary>SIGKILL, and waits until the process is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        Guard.Ended(Id);
    }

    /// <summary>Sends a signal by its name, such as TERM, STOP or CONT.</summary>
    public Task SignalAsync(string signal) =>
        Cluster.Postgres.ChildProcess.SignalAsync(signal, [Id], TestContext.Current.CancellationToken);

    /// <summary>SIGKILL to many at once; returns when all are gone.</summary>
    public static async Task KillAllAsync(IReadOnlyList<ChildProcess> processes)
    {
        await Cluster.Postgres.ChildProcess.SignalAsync("KILL", [.. processes.Select(p => p.Id)], CancellationToken.None);
        await Task.WhenAll(processes.Select(p => p.KillAsync()));
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await KillAsync();
        _process.Dispose();
    }

    private void OnLine(string? line)
    {
        lock (_gate)
        {
            if (line is null)
            {
                // Each of the two streams ends with null; the process may close one early, but none of ours does.
                _ended = true;
                Fail();
                return;
            }

            _lines.Enqueue(line);
            if (_faults.Count < FaultsKept && line.Contains(Fault, StringComparison.Ordinal))
            {
                _faults.Add(line);
            }

            while (_lines.Count > LinesKept)
            {
                _lines.Dequeue();
            }

            foreach (var (_, found) in _awaited.Where(a => line.Contains(a.Text, StringComparison.Ordinal)))
            {
                found.TrySetResult(line);
            }

            _awaited.RemoveAll(a => a.Found.Task.IsCompleted);
        }
    }

    private void Fail()
    {
        foreach (var (text, found) in _awaited)
        {
            found.TrySetException(new InvalidOperationException($"{_name} ended without writing '{text}'.\n{Log}"));
        }

        _awaited.Clear();
    }
}
