using WorkerMesh.Grains.Memory;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// What of the memory is for what is received and sent on connections. A client that sends faster than its worker reads
/// fills a buffer, and there may be thousands of them.
/// </summary>
internal sealed class ConnectionMemory(MemoryLimit limit)
{
    private const int LargestBlock = 80 * 1024;

    /// <summary>Where there is little memory: each of a hundred streams of an HTTP/2 connection may have a block.</summary>
    private const int SmallestBlock = 16 * 1024;

    private const int Page = 4096;

    /// <summary>What a process needs that has no connection, and then some.</summary>
    private const long Itself = 48 << 20;

    /// <summary>What one block may be of all memory.</summary>
    private const int BlocksOfAll = 32 * 1024;

    /// <summary>What one buffer may be of all memory: a sixteenth of it holds what 256 clients send.</summary>
    private const int BuffersOfAll = 4096;
    private const long SmallestBuffer = 64 * 1024;
    private const long LargestBuffer = 1024 * 1024;

    /// <summary>A third of what there is beyond the process itself.</summary>
    private readonly long mostBlocks = Math.Max(limit.Bytes - Itself, limit.Bytes / 4) / 3 / BlockSize(limit.Bytes);
    private long blocks;

    /// <summary>The size of a block (<see cref="ConnectionBlocks"/>).</summary>
    public int BlockBytes { get; } = BlockSize(limit.Bytes);

    /// <summary>How many bytes of a connection may be received before somebody reads them.</summary>
    public long BufferBytes { get; } = Math.Clamp(limit.Bytes / BuffersOfAll, SmallestBuffer, LargestBuffer);

    /// <summary>What there is too little of, for messages.</summary>
    public string Name => limit.Name;

    /// <summary>Whether large bodies and further clients have to wait.</summary>
    public bool IsShort => Volatile.Read(ref blocks) >= mostBlocks / 4 * 3 || limit.IsShort;

    /// <summary>Whether nothing more is left for connections.</summary>
    public bool IsUsedUp => Volatile.Read(ref blocks) >= mostBlocks || limit.IsUsedUp;

    /// <summary>For one more block.</summary>
    /// <exception cref="InsufficientMemoryException">There are as many as there may be.</exception>
    public void Take()
    {
        if (Interlocked.Increment(ref blocks) > mostBlocks)
        {
            Interlocked.Decrement(ref blocks);
            throw new InsufficientMemoryException($"Connections have had their share of the {Name}.");
        }
    }

    /// <summary>Of a block that is left to the collector.</summary>
    public void GiveBack() => Interlocked.Decrement(ref blocks);

    private static int BlockSize(long memory) => (int)(Math.Clamp(memory / BlocksOfAll, SmallestBlock, LargestBlock) / Page * Page);
}
