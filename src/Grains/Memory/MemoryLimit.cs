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

    private static readonly TimeSpan BetweenCollections = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    private readonly TimeProvider clock;
    private readonly long isShortAt;
    private readonly long isUsedUpAt;
    private long collectAtTicks;
    private long lookAtTicks;
    private volatile Use use = new(-1, 0, 0);

    /// <summary>With the limit of this process.</summary>
    public MemoryLimit(TimeProvider clock) : this(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, clock)
    {
    }

    internal MemoryLimit(long bytes, TimeProvider clock)
    {
        this.clock = clock;
        Bytes = bytes;
        isShortAt = Math.Max(bytes / 2, Math.Min(bytes / 4 * 3, bytes - ForTheCollector));
        isUsedUpAt = Math.Max(bytes / 4 * 3, Math.Min(bytes / 10 * 9, bytes - (ForTheCollector / 2)));
    }

    /// <summary>The limit.</summary>
    public long Bytes { get; }

    /// <summary>What there is too little of, for messages.</summary>
    public string Name => $"memory ({Bytes >> 20} MiB)";

    /// <summary>
    /// Whether three quarters of it are used, or less where it is little: nothing is to be taken on that may need much of it for a while. Costs some
    /// nanoseconds where they are not. What nobody needs any more may be among it: then it is collected, in the
    /// background.
    /// </summary>
    public bool IsShort => ((Look() is var now && now.Heap - now.Gaps >= isShortAt) || Allocated() >= isUsedUpAt) && Collect();

    /// <summary>
    /// The same with the gaps between what is used, which what is small and stays finds no place in: nothing is to be
    /// taken on for good.
    /// </summary>
    public bool IsShortForGood => Look().Heap >= isShortAt && Collect();

    /// <summary>Whether nine tenths of it are used, with gaps.</summary>
    public bool IsUsedUp => Look().Heap >= isUsedUpAt;

    /// <summary>With what has been allocated since, of which nobody may need most any more.</summary>
    private static long Allocated() => GC.GetTotalMemory(forceFullCollection: false);

    private Use Look()
    {
        var collections = GC.CollectionCount(0);
        var last = use;
        // The numbers of one that goes on in the background come later than its count.
        return collections == last.Collections && (last.Heap < isShortAt || !IsDue(ref lookAtTicks, BetweenLooks))
            ? last
            : use = Of(collections, GC.GetGCMemoryInfo(GCKind.Any));

        static Use Of(int collections, GCMemoryInfo info) => new(collections, info.HeapSizeBytes, info.FragmentedBytes);
    }

    private bool Collect()
    {
        if (IsDue(ref collectAtTicks, BetweenCollections))
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }

        return true;
    }

    private bool IsDue(ref long atTicks, TimeSpan interval)
    {
        var now = clock.Elapsed().Ticks;
        var due = Volatile.Read(ref atTicks);
        return now >= due && Interlocked.CompareExchange(ref atTicks, now + interval.Ticks, due) == due;
    }

    private sealed record Use(int Collections, long Heap, long Gaps);
}
