using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// The memory that Kestrel receives into and sends from, in blocks of four times the usual size: one receives as much as
/// fits into a block, and a large upload is mostly made of such calls. Blocks that are given back are kept for the next.
/// </summary>
internal sealed class ConnectionBlocks : MemoryPool<byte>
{
    public const int BlockBytes = 16 * 1024;

    /// <summary>The most that are kept, 16 MiB; more are left to the collector.</summary>
    private const int MostKept = 1024;

    private readonly ConcurrentQueue<Block> kept = new();
    private int count;
    private volatile bool disposed;

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        if (kept.TryDequeue(out var block))
        {
            Interlocked.Decrement(ref count);
            return block;
        }

        return new Block(this);
    }

    protected override void Dispose(bool disposing)
    {
        disposed = true;
        kept.Clear();
    }

    private void Return(Block block)
    {
        if (!disposed && Interlocked.Increment(ref count) <= MostKept)
        {
            kept.Enqueue(block);
        }
        else
        {
            Interlocked.Decrement(ref count);
        }
    }

    /// <summary>A block; disposing of it gives it back. Pinned, for system calls use it all the time.</summary>
    private sealed class Block(ConnectionBlocks pool) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = MemoryMarshalOf(GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true));

        public void Dispose() => pool.Return(this);

        private static Memory<byte> MemoryMarshalOf(byte[] array) =>
            System.Runtime.InteropServices.MemoryMarshal.CreateFromPinnedArray(array, 0, array.Length);
    }
}

/// <summary>Gives each server its own.</summary>
internal sealed class ConnectionBlocksFactory : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new ConnectionBlocks();
}
