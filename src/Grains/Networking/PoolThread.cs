using System.Runtime.CompilerServices;

namespace WorkerMesh.Grains.Networking;

/// <summary>
/// Where calls to grains begin. Orleans keeps what a call takes for the next one, by thread and without bound: it is taken on
/// the thread that the call begins on, and given back on the one that hears the answer (ConcurrentObjectPool of Orleans
/// 10.4.2). Threads of the sockets and of the store hear no answers, so what was taken there would pile up elsewhere for as
/// long as the process runs.
/// </summary>
public static class PoolThread
{
    /// <summary>Goes on in the thread pool; where that is so already, at once. Without the context of the caller.</summary>
    public static ConfiguredTaskAwaitable Enter() => Task.CompletedTask.ConfigureAwait(
        Thread.CurrentThread.IsThreadPoolThread ? ConfigureAwaitOptions.None : ConfigureAwaitOptions.ForceYielding);
}
