using System.Diagnostics;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>Where the programs under test are: beside the tests, in the same configuration.</summary>
internal static class Programs
{
    public static string Gateway { get; } = Find("Gateway", "WorkerMesh.Gateway");

    public static string Silo { get; } = Find("Silo", "WorkerMesh.Silo");

    public static string Worker { get; } = Find("Worker", "WorkerMesh.Tests.Worker");

    private static readonly Lazy<string> PythonPath = new(FindPython);

    /// <summary>
    /// The interpreter itself: what the PATH calls python3 may be a script that looks for it, for longer than it takes to
    /// start.
    /// </summary>
    public static string Python => PythonPath.Value;

    private static string FindPython()
    {
        using var asked = Process.Start(new ProcessStartInfo("python3", ["-c", "import sys; print(sys.executable)"])
        {
            RedirectStandardOutput = true,
        })!;
        return asked.StandardOutput.ReadToEnd().Trim() is { Length: > 0 } path
            ? path
            : throw new FileNotFoundException("python3 does not run.", "python3");
    }

    // artifacts/bin/{project}/{configuration}/{program}
    private static string Find(string project, string program)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var path = Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, program);
        return File.Exists(path) ? path : throw new FileNotFoundException("Not built with the tests.", path);
    }
}
