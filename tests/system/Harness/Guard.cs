using System.Diagnostics;
using System.Globalization;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// Kills what the tests started and removes their directories once the test process is gone, however it went. A process
/// of its own; its input ends with the test process.
/// </summary>
internal static class Guard
{
    private const string Script =
        """
        trap '' INT TERM HUP
        pids=''
        dirs=''
        spaces=''
        while read -r what value; do
            case $what in
                +) pids="$pids $value" ;;
                -) pids=$(printf '%s\n' $pids | grep -vx "$value") ;;
                dir) dirs="$dirs $value" ;;
                ns) spaces="$spaces $value" ;;
            esac
        done
        [ -z "$pids" ] || kill -KILL $pids 2>/dev/null
        [ -z "$dirs" ] || rm -rf $dirs
        for space in $spaces; do ip netns del "$space" 2>/dev/null; done
        """;

    private static readonly Lock Gate = new();
    private static readonly Process Shell = Process.Start(new ProcessStartInfo("sh", ["-c", Script])
    {
        RedirectStandardInput = true,
        WorkingDirectory = "/",
    })!;

    public static void Started(int process) => Tell("+", process.ToString(CultureInfo.InvariantCulture));

    public static void Ended(int process) => Tell("-", process.ToString(CultureInfo.InvariantCulture));

    /// <summary>A new directory that is removed at the end.</summary>
    public static string CreateDirectory()
    {
        var path = Directory.CreateTempSubdirectory("mesh-system-").FullName;
        Tell("dir", path);
        return path;
    }

    /// <summary>A network namespace that is removed at the end.</summary>
    public static void NamespaceCreated(string name) => Tell("ns", name);

    private static void Tell(string what, string value)
    {
        lock (Gate)
        {
            Shell.StandardInput.WriteLine($"{what} {value}");
            Shell.StandardInput.Flush();
        }
    }
}
