using System.Globalization;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>Looks at a process's resident memory until it is disposed of.</summary>
internal sealed class ResidentMemory : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly CancellationTokenSource _ended = new();
    private readonly Task _looking;
    private readonly int _process;
    private readonly long _before;
    private long _most;

    private ResidentMemory(int process)
    {
        _process = process;
        _before = _most = Read();
        _looking = LookAsync();
    }

    /// <summary>By how much it was larger than at first, at most.</summary>
    public double GrownMebibytes => (Volatile.Read(ref _most) - _before) / 1024.0;

    public static ResidentMemory Of(ChildProcess process) => new(process.Id);

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{_before / 1024.0:0} MiB before, at most {GrownMebibytes:0.0} MiB more");

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _looking;
        _ended.Dispose();
    }

    private async Task LookAsync()
    {
        while (!_ended.IsCancellationRequested)
        {
            Volatile.Write(ref _most, Math.Max(_most, Read()));
            await Task.Delay(Interval, TimeProvider.System, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>In KiB.</summary>
    private long Read()
    {
        const string name = "VmRSS:";
        var line = File.ReadLines($"/proc/{_process}/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..^"kB".Length], CultureInfo.InvariantCulture);
    }
}
