using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>
/// A connection to a worker, used by one request at a time. Whoever gives it up (its deadline, the client who leaves)
/// closes the socket, and every read and write in progress ends.
/// </summary>
internal sealed class WorkerConnection : IDisposable
{
    private const int IdleBytes = 4096;
    private const int StreamingBytes = 64 * 1024;

    private readonly Socket socket;
    private readonly Deadline deadline;
    private readonly ArraySegment<byte>[] pieces = new ArraySegment<byte>[2];
    private byte[] buffer = ArrayPool<byte>.Shared.Rent(IdleBytes);
    private int start;
    private int end;
    private FairReads reads;
    private ValueTask<int> ahead;
    private bool isAhead;
    private CancellationTokenSource? givenUp;
    private int closed;
    private volatile bool readsClient;

    public WorkerConnection(Socket socket, TimeProvider clock)
    {
        this.socket = socket;
        CreatedAt = IdleSince = clock.Elapsed();
        deadline = new(clock, TimeOut);
        Exchange = new(this);
    }

    /// <summary>What is done on it, one request at a time.</summary>
    public Exchange Exchange { get; }

    public TimeSpan CreatedAt { get; }

    public TimeSpan IdleSince { get; private set; }

    /// <summary>What is sent next.</summary>
    public Outgoing Output { get; } = new();

    public AnswerHead Head { get; } = new();

    /// <summary>Values of header fields that were seen last, to not make the same strings for each answer.</summary>
    public ValueCache Values { get; } = new();

    /// <summary>What was received and not consumed.</summary>
    public ReadOnlySpan<byte> Received => buffer.AsSpan(start, end - start);

    /// <summary>Whether any content of the answer was written to the client.</summary>
    public bool HasPassedOn { get; set; }

    /// <summary>Whether a time limit was over.</summary>
    public bool TimedOut => deadline.IsOver;

    /// <summary>Whether, when it was, the client had a part of its request still to send, and paused.</summary>
    public bool ClientPaused { get; private set; }

    public bool IsClosed => Volatile.Read(ref closed) != 0;

    /// <summary>
    /// Cancelled when it is given up, for what does not end with the socket: waiting for the client. Only asked for where
    /// there is something to wait for.
    /// </summary>
    public CancellationToken GivenUp
    {
        get
        {
            if (Volatile.Read(ref givenUp) is { } existing)
            {
                return existing.Token;
            }

            var made = new CancellationTokenSource();
            made = Interlocked.CompareExchange(ref givenUp, made, null) ?? made;
            if (IsClosed)
            {
                made.Cancel();
            }

            return made.Token;
        }
    }

    /// <summary>Says for how long nothing may happen from now on.</summary>
    public void Expect(TimeSpan limit) => deadline.Set(limit);

    /// <summary>Waiting for the client's next bytes begins or ends.</summary>
    public void OnReadingClient(bool begins) => readsClient = begins;

    /// <summary>Sends all of it.</summary>
    public async ValueTask Send(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None)..];
        }
    }

    /// <summary>
    /// Sends all of both, with one call and without a copy where they are of arrays. These stay reachable until the next
    /// such call or the end of the connection, for the socket keeps them: a block for each connection at most.
    /// </summary>
    public async ValueTask Send(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> content)
    {
        var sent = 0;
        if (MemoryMarshal.TryGetArray(head, out var first) && MemoryMarshal.TryGetArray(content, out var second))
        {
            (pieces[0], pieces[1]) = (first, second);
            sent = await socket.SendAsync(pieces, SocketFlags.None);
        }

        await Send(head[Math.Min(sent, head.Length)..]);
        await Send(content[Math.Max(0, sent - head.Length)..]);
    }

    /// <summary>Receives more behind what is there; tell <see cref="OnReceived"/> how much. 0: the worker has closed.</summary>
    public ValueTask<int> Receive()
    {
        if (isAhead)
        {
            isAhead = false;
            return ahead;
        }

        if (start == end)
        {
            start = end = 0;
        }
        else if (end == buffer.Length)
        {
            MakeRoom();
        }

        return Receive(buffer.AsMemory(end));
    }

    public void OnReceived(int count) => end += count;

    /// <summary>Receives past the buffer, which must be empty.</summary>
    public ValueTask<int> Receive(Memory<byte> into) => reads.Count(socket.ReceiveAsync(into, SocketFlags.None));

    public void Consume(int count) => start += count;

    /// <summary>Makes the buffer larger, for content that is passed on in large pieces.</summary>
    public void ReceiveMore()
    {
        if (buffer.Length < StreamingBytes)
        {
            Grow(StreamingBytes);
        }
    }

    /// <summary>
    /// Begins to wait for the next answer before there is a request, which costs nothing: that read is due anyway. A worker
    /// that sends anything now, or closes, is noticed before the next request is sent.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <returns>Whether it may be used again.</returns>
    public bool TryRest(TimeSpan now)
    {
        if (start != end || isAhead || IsClosed || !deadline.TryClear())
        {
            return false;
        }

        start = end = 0;
        if (buffer.Length >= StreamingBytes)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = ArrayPool<byte>.Shared.Rent(IdleBytes);
        }

        Output.Clear();
        IdleSince = now;
#pragma warning disable CA2012 // It is consumed once, by the first Receive of the next request.
        ahead = socket.ReceiveAsync(buffer.AsMemory(), SocketFlags.None);
#pragma warning restore CA2012
        isAhead = true;
        return IsSilent;
    }

    /// <summary>Whether, at rest, neither bytes nor the end of the connection came.</summary>
    public bool IsSilent => isAhead && !ahead.IsCompleted && !IsClosed;

    /// <summary>
    /// Asks the kernel, at the cost of a system call, for what <see cref="IsSilent"/> hears of a moment later: a thread of
    /// the process has to receive it first.
    /// </summary>
    public bool IsSilentNow
    {
        get
        {
            try
            {
                return IsSilent && !socket.Poll(TimeSpan.Zero, SelectMode.SelectRead);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <summary>Gives it up: whatever waits for it fails. Any thread may.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref closed, 1) != 0)
        {
            return;
        }

        deadline.Dispose();
        // No linger: what a worker has not read is of no use to it.
        socket.Dispose();
        Volatile.Read(ref givenUp)?.Cancel();
    }

    /// <summary>The one that used it is done with it.</summary>
    public void Dispose()
    {
        Abort();
        Output.Dispose();
        // The buffer is left to the collector: a read that was cut off may still be writing into it.
    }

    private void MakeRoom()
    {
        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
        }
        else
        {
            Grow(2 * buffer.Length);
        }
    }

    private void Grow(int bytes)
    {
        var larger = ArrayPool<byte>.Shared.Rent(bytes);
        Received.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        (buffer, start, end) = (larger, 0, end - start);
    }

    private void TimeOut()
    {
        ClientPaused = readsClient;
        Abort();
    }
}
