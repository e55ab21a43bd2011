using System.Globalization;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>Writes down what each fault cost: to the test's output, and for all to artifacts/availability.txt.</summary>
internal static class Availability
{
    private static readonly Lock Gate = new();
    private static readonly string Report = Path.Combine(Artifacts(), "availability.txt");
    private static bool _begun;

    /// <param name="scenario">What was broken.</param>
    /// <param name="load">What became of the forwarded requests.</param>
    /// <param name="control">What became of the calls of the control API.</param>
    /// <param name="detection">How long it took until the fault was known, where it is one that is detected.</param>
    /// <param name="lost">Acknowledged registrations that are gone.</param>
    public static void Write(string scenario, LoadReport load, ControlReport? control, TimeSpan? detection, int lost)
    {
        var sent = load.Right + load.Wrong.Count;
        var line = string.Create(CultureInfo.InvariantCulture,
            $"{scenario}: {sent} requests, {load.Wrong.Count} failed, longest without an answer "
            + $"{load.LongestGap.TotalSeconds:0.00} s; detected {Seconds(detection)}");
        if (control is not null)
        {
            line += string.Create(CultureInfo.InvariantCulture,
                $"; {control.Calls.Count} control calls, {control.Failed.Count()} refused or failed, slowest "
                + $"{control.Slowest.TotalSeconds:0.00} s; registrations {control.Acknowledged} acknowledged, {lost} lost");
        }

        TestContext.Current.TestOutputHelper?.WriteLine(line);
        TestContext.Current.TestOutputHelper?.WriteLine(load.ToString());
        lock (Gate)
        {
            File.AppendAllText(Report, (_begun ? "" : $"--- {DateTimeNow()}\n") + line + "\n");
            _begun = true;
        }
    }

    private static string DateTimeNow() =>
        TimeProvider.System.GetUtcNow().ToString("u", CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan? time) =>
        time is { } known ? string.Create(CultureInfo.InvariantCulture, $"after {known.TotalSeconds:0.00} s") : "by itself";

    // artifacts/bin/{project}/{configuration}/
    private static string Artifacts() => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Parent!.Parent!.FullName;
}
