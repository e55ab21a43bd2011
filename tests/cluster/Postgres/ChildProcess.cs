using System.Diagnostics;
using System.Globalization;

namespace WorkerMesh.Tests.Cluster.Postgres;

/// <summary>A process that tests start, and signals to it and its children.</summary>
internal sealed class ChildProcess : IDisposable
{
    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    public bool HasExited => _process.HasExited;

    public static ChildProcess Start(string file, string[] arguments, bool redirectInput = false) =>
        new(Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardInput = redirectInput })!);

    /// <summary>Runs a program to its end and returns what it wrote.</summary>
    public static async Task<string> RunAsync(string file, string[] arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Somewhere that every user may enter.
            WorkingDirectory = "/",
        })!;
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException(
                $"{file} {string.Join(' ', arguments)} exited with {process.ExitCode}: {await output}{await errors}");
    }

    /// <summary>Sends a signal to processes, in this order; those that are gone already do not matter.</summary>
    public static async Task SignalAsync(
        string signal, IReadOnlyList<int> processes, CancellationToken cancellationToken)
    {
        var ids = string.Join(' ', processes.Select(id => id.ToString(CultureInfo.InvariantCulture)));
        await RunAsync("sh", ["-c", $"kill -{signal} {ids} || true"], cancellationToken);
    }

    /// <summary>Whether a process runs; one that has ended and that nobody has asked about yet does not.</summary>
    public static bool IsAlive(int id) => ReadStatus(id) is { State: not 'Z' };

    /// <summary>Its id, and those of its children.</summary>
    public IReadOnlyList<int> WithChildren() =>
    [
        _process.Id,
        .. Directory.EnumerateDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && ReadStatus(id) is { } status && status.Parent == _process.Id),
    ];

    public void CloseInput() => _process.StandardInput.Close();

    public Task WaitForExitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    public void Dispose() => _process.Dispose();

    // /proc/ID/stat is "ID (name) state parent …", and a name may hold blanks and brackets.
    private static (char State, int Parent)? ReadStatus(int id)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{id.ToString(CultureInfo.InvariantCulture)}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
