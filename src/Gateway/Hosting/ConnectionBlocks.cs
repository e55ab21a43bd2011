using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// The memory that Kestrel receives into and sends from, in blocks of up to twenty times the usual size: one receives as much
/// as fits into a block, and a large upload is mostly made of such calls. Content of 64 KiB fits in together with its head, so
/// that it is received, and sent on, with one call. Small requests touch the first page of a block, and only that takes up
/// memory. Blocks that are given back are kept for the next.
/// </summary>
internal sealed class ConnectionBlocks(ConnectionMemory memory) : MemoryPool<byte>
{
    /// <summary>The most that are kept, 20 MiB; more are left to the collector.</summary>
    private const int MostKept = 256;

    /// <summary>Given back by this thread last, of whichever pool: what is sent is most often given back at once.</summary>
    [ThreadStatic]
    private static Block? last;

    private readonly ConnectionMemory memory = memory;

    /// <summary>What was used last is used first, for it may still be in the processor's cache.</summary>
    private readonly ConcurrentStack<Block> kept = new();
    private int count;
    private volatile bool disposed;

    public override int MaxBufferSize => memory.BlockBytes;

    /// <exception cref="InsufficientMemoryException">There are as many as there may be; Kestrel closes the connection.</exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, memory.BlockBytes);
        if (last is { } own && own.Pool == this)
        {
            last = null;
            return own;
        }

        if (kept.TryPop(out var block))
        {
            Interlocked.Decrement(ref count);
            return block;
        }

        memory.Take();
        return new Block(this);
    }

    protected override void Dispose(bool disposing)
    {
        disposed = true;
        kept.Clear();
    }

    private void Return(Block block)
    {
        if (disposed)
        {
            return;
        }

        if (last is null)
        {
            last = block;
        }
        else if (Interlocked.Increment(ref count) <= MostKept)
        {
            kept.Push(block);
        }
        else
        {
            Interlocked.Decrement(ref count);
            block.Drop();
        }
    }

    /// <summary>A block; disposing of it gives it back. Pinned, for system calls use it all the time.</summary>
    private sealed class Block(ConnectionBlocks pool) : IMemoryOwner<byte>
    {
        public ConnectionBlocks Pool => pool;

        public Memory<byte> Memory { get; } = MemoryMarshal.CreateFromPinnedArray(
            GC.AllocateUninitializedArray<byte>(pool.memory.BlockBytes, pinned: true), 0, pool.memory.BlockBytes);

#pragma warning disable CA1816 // What is disposed of is used again.
        /// <summary>Of one that nobody gave back.</summary>
        ~Block() => pool.memory.GiveBack();

        public void Dispose() => pool.Return(this);

        public void Drop()
        {
            GC.SuppressFinalize(this);
            pool.memory.GiveBack();
        }
#pragma warning restore CA1816
    }
}

/// <summary>Gives each server its own.</summary>
internal sealed class ConnectionBlocksFactory(ConnectionMemory memory) : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new ConnectionBlocks(memory);
}
