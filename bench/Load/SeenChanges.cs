using System.Diagnostics;

namespace WorkerMesh.Load;

/// <summary>The changes that a watcher was told of.</summary>
/// <param name="wanted">How many are enough.</param>
internal sealed class SeenChanges(int wanted)
{
    public int Wanted => wanted;

    /// <summary>From the sending of each change until it was seen, in milliseconds.</summary>
    public List<double> Latencies { get; } = [];

    /// <summary>Whether the watch is known to be in place.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Tells who waits for it that the watch is in place.</summary>
    public void Begin()
    {
        HasBegun = true;
        Console.WriteLine("ready");
    }

    /// <summary>One change; returns whether it was the last one wanted.</summary>
    /// <param name="sent">When it was sent, 0 where it says no time: not counted.</param>
    /// <param name="now">When it was seen.</param>
    public bool Add(long sent, long now)
    {
        if (sent != 0)
        {
            Latencies.Add(Stopwatch.GetElapsedTime(sent, now).TotalMilliseconds);
        }

        return Latencies.Count >= wanted;
    }
}
