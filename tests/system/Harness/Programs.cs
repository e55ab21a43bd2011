namespace WorkerMesh.Tests.System.Harness;

/// <summary>Where the programs under test are: beside the tests, in the same configuration.</summary>
internal static class Programs
{
    public static string Gateway { get; } = Find("Gateway", "WorkerMesh.Gateway");

    public static string Silo { get; } = Find("Silo", "WorkerMesh.Silo");

    public static string Worker { get; } = Find("Worker", "WorkerMesh.Tests.Worker");

    // artifacts/bin/{project}/{configuration}/{program}
    private static string Find(string project, string program)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        var path = Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, program);
        return File.Exists(path) ? path : throw new FileNotFoundException("Not built with the tests.", path);
    }
}
