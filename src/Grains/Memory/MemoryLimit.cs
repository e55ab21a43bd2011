using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Memory;

/// <summary>
/// How much memory this process may use, which in a container is three quarters of what the container may, and whether it
/// is nearly used up, by what the last collection has left. A process whose collector finds nothing to free any more does
/// nothing else, and then ends.
/// </summary>
public sealed class MemoryLimit
{
    /// <summary>What is allocated between two collections takes room as well, however little there is.</summary>
    private const long ForTheCollector = 48 << 20;

    /// <summary>The place of their heap among the generations (GCMemoryInfo.GenerationInfo).</summary>
    private const int PinnedObjects = 4;

    private readonly Pace collections;
    private readonly Pace looks;
    private readonly long isShortAt;
    private readonly long isUsedUpAt;
    private volatile Use use = new(-1, 0);

    /// <summary>With the limit of this process.</summary>
    public MemoryLimit(TimeProvider clock) : this(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, clock)
    {
    }

    internal MemoryLimit(long bytes, TimeProvider clock)
    {
        collections = new(TimeSpan.FromSeconds(1), clock);
        looks = new(TimeSpan.FromMilliseconds(100), clock);
        Bytes = bytes;
        isShortAt = Math.Max(bytes / 2, Math.Min(bytes / 4 * 3, bytes - ForTheCollector));
        isUsedUpAt = Math.Max(bytes / 4 * 3, Math.Min(bytes / 10 * 9, bytes - (ForTheCollector / 2)));
    }

    /// <summary>The limit.</summary>
    public long Bytes { get; }

    /// <summary>What there is too little of, for messages.</summary>
    public string Name => $"memory ({Bytes >> 20} MiB)";

    /// <summary>
    /// Whether three quarters of it are used, or less where it is little: nothing is to be taken on that needs more of it.
    /// Costs some 20 ns where they are not. What nobody needs any more may be among it: then it is collected, in the
    /// background.
    /// </summary>
    public bool IsShort => (Look().Used >= isShortAt || Allocated() >= isUsedUpAt) && Collect();

    /// <summary>Whether nine tenths of it are used.</summary>
    public bool IsUsedUp => Look().Used >= isUsedUpAt && Collect();

    /// <summary>With what has been allocated since, of which nobody may need most any more.</summary>
    private static long Allocated() => GC.GetTotalMemory(forceFullCollection: false);

    private Use Look()
    {
        var count = GC.CollectionCount(0);
        var last = use;
        // The numbers of one that goes on in the background come later than its count.
        return count == last.Collections && (last.Used < isShortAt || !looks.IsDue())
            ? last
            : use = Of(count, GC.GetGCMemoryInfo(GCKind.Any));

        // What is pinned is never moved together, so that nothing else finds a place in its gaps.
        static Use Of(int count, in GCMemoryInfo info) => new(
            count,
            info.HeapSizeBytes - info.FragmentedBytes
            + (info.GenerationInfo.Length > PinnedObjects ? info.GenerationInfo[PinnedObjects].FragmentationAfterBytes : 0));
    }

    private bool Collect()
    {
        if (collections.IsDue())
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }

        return true;
    }

    private sealed record Use(int Collections, long Used);
}
