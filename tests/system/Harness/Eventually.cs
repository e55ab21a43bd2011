using System.Diagnostics;

namespace WorkerMesh.Tests.System.Harness;

/// <summary>For what nobody can tell us of when it comes true. Looks again and again, for a bounded time.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Reads until what was read is as expected; fails with what was read last.</summary>
    public static async Task<T> Holds<T>(
        string what, Func<Task<T>> read, Func<T, bool> expected, TimeSpan? within = null, Func<string>? evidence = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var actual = await read();
            if (expected(actual))
            {
                return actual;
            }

            if (clock.Elapsed > (within ?? Patience))
            {
                Assert.Fail($"Expected within {within ?? Patience}: {what}.\nActual: {actual}\n{evidence?.Invoke()}");
            }

            await Task.Delay(Pause, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public static Task<T> Equals<T>(
        string what, T expected, Func<Task<T>> read, TimeSpan? within = null, Func<string>? evidence = null) => Holds(
        $"{what} is {expected}", read, actual => EqualityComparer<T>.Default.Equals(actual, expected), within, evidence);
}
