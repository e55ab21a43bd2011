using System.Diagnostics;

namespace WorkerMesh.Tests.Compose;

/// <summary>The engine on this machine, through its command-line programs.</summary>
internal static class Docker
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Runs docker; returns what it wrote.</summary>
    public static Task<string> RunAsync(params string[] arguments) => ProgramAsync("docker", arguments);

    /// <summary>Whether an engine and Compose answer; null, or why not.</summary>
    public static async Task<string?> WhyMissingAsync()
    {
        try
        {
            await RunAsync("info");
            await ComposeProgramAsync();
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or global::System.ComponentModel.Win32Exception)
        {
            return $"No Docker engine with Compose answers here: {e.Message.Split('\n')[0]}";
        }
    }

    /// <summary>How Compose is called here: the plugin (v2) or the program (v1).</summary>
    public static async Task<string[]> ComposeProgramAsync()
    {
        try
        {
            await RunAsync("compose", "version");
            return ["docker", "compose"];
        }
        catch (InvalidOperationException)
        {
            await ProgramAsync("docker-compose", ["version"]);
            return ["docker-compose"];
        }
    }

    /// <summary>Runs a program; fails with what it wrote where it does not end with 0.</summary>
    public static async Task<string> ProgramAsync(
        string file,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string>? settings = null,
        TimeSpan? within = null)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in settings ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(within ?? Patience, TimeProvider.System);
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var errors = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            var said = await output;
            return process.ExitCode == 0
                ? said
                : throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}{said}");
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{file} {string.Join(' ', arguments)} did not end in time.", e);
        }
    }
}
