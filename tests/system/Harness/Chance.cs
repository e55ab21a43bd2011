using System.Globalization;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>
/// What a test leaves to chance follows from a seed, which is printed: MESH_FAULT_SEED replays it, MESH_FAULT_SECONDS makes
/// the test longer.
/// </summary>
internal sealed record Chance(int Seed, TimeSpan Duration)
{
    /// <summary>As the environment says, or else of this length and with any seed.</summary>
    public static Chance Take(int seconds)
    {
        var chance = new Chance(
            Setting("MESH_FAULT_SEED") ?? Random.Shared.Next(1_000_000),
            TimeSpan.FromSeconds(Setting("MESH_FAULT_SECONDS") ?? seconds));
        TestContext.Current.TestOutputHelper!.WriteLine(
            $"MESH_FAULT_SEED={chance.Seed} MESH_FAULT_SECONDS={chance.Duration.TotalSeconds}");
        return chance;
    }

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : null;
}
