using System.Globalization;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// Long, so run only when asked for: ./test --explicit only --filter-class '*Soak*' (MESH_SOAK_SECONDS, default 600).
/// </summary>
public sealed class SoakTests
{
    [Fact(Explicit = true)]
    public async Task On_a_machine_oversubscribed_twice_no_silo_is_taken_for_dead()
    {
        var seconds = int.TryParse(
            Environment.GetEnvironmentVariable("MESH_SOAK_SECONDS"), CultureInfo.InvariantCulture, out var set) ? set : 600;
        await using var mesh = new FaultMesh();
        await mesh.InitializeAsync();
        await using var scene = await Scene.SetAsync(mesh, "soak", await mesh.WorkersAsync(3));
        var starts = mesh.Places.Sum(p => p.Starts);
        var busy = Enumerable.Range(0, 2 * Environment.ProcessorCount)
            .Select(i => ChildProcess.Start($"busy{i}", "sh", ["-c", "while :; do :; done"])).ToList();
        try
        {
            await scene.RunAsync(seconds);
        }
        finally
        {
            await ChildProcess.KillAllAsync(busy);
        }

        var (load, control) = await scene.EndAsync(
            string.Create(CultureInfo.InvariantCulture, $"nothing, for {seconds} s beside {busy.Count} busy loops"));
        Assert.Equal(starts, mesh.Places.Sum(p => p.Starts));
        await mesh.WholeAsync();
        load.ExpectNoErrors(atLeast: Scene.PerSecond * seconds / 2);
        control.ExpectAllAnswered(TimeSpan.FromSeconds(9));
    }
}
