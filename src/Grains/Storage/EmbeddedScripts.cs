using System.Reflection;

namespace WorkerMesh.Grains.Storage;

/// <summary>The .sql files that are built into an assembly.</summary>
internal static class EmbeddedScripts
{
    /// <summary>
    /// The scripts of a folder in the order of their names: 001-…, 002-…; the first brings version 1.
    /// </summary>
    public static IReadOnlyList<string> Read(Assembly assembly, string folder) =>
    [
        .. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(folder + "/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                return reader.ReadToEnd();
            }),
    ];
}
