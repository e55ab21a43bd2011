using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>Whom something is sent to.</summary>
internal enum SendTo
{
    /// <summary>A worker: a request.</summary>
    Worker,

    /// <summary>A client: an answer.</summary>
    Client,
}

/// <summary>
/// The turns of a thread that hears of sockets: it asks the kernel which have something for it, goes through them, and asks
/// again. Whoever is sent something wakes, takes the processor, finds one request and sleeps again, before this thread
/// has seen the next. So where many requests come at once each waits until the thread has gone through all, and then
/// they are sent together, as packets are in vector packet processing (Barach et al., High-Speed Software Data Plane via
/// Vectorized Packet Processing, IEEE Communications Magazine 56(12), 2018): requests to workers first, then answers
/// to clients. Where few come it would only cost, and is left out.
/// </summary>
/// <remarks>
/// The runtime does not say when a turn ends. A datagram that the thread sends to itself is heard in its next turn.
/// Everything here runs on that one thread.
/// </remarks>
internal sealed class SocketTurn : IValueTaskSource
{
    /// <summary>What fewer gathered within one turn is sent after the next.</summary>
    private const int Enough = 16;

    /// <summary>Where turns gather fewer than that on average, waiting costs more than it saves.</summary>
    private const int Least = 8;

    /// <summary>So many are sent at once before it is tried again whether waiting pays.</summary>
    private const int Rest = 4096;

    /// <summary>The average is over so many turns.</summary>
    private const double Span = 16;

    private static readonly byte[] Datagram = [1];

    private static readonly ConcurrentBag<SocketTurn> All = [];

    /// <summary>That of this thread; null where it hears of no sockets.</summary>
    [ThreadStatic]
    private static SocketTurn? current;

    private readonly Socket self;
    private readonly Waiting workers = new();
    private readonly Waiting clients = new();
    private readonly byte[] heard = new byte[1];
    private double average = Enough;
    private long turns;
    private long sends;
    private int resting;
    private bool listens;
    private bool isWoken;

    private SocketTurn(Socket self) => this.self = self;

    /// <summary>How many turns of all threads had something to send together, and how much.</summary>
    public static (long Turns, long Sends) Totals =>
        (All.Sum(turn => Volatile.Read(ref turn.turns)), All.Sum(turn => Volatile.Read(ref turn.sends)));

    private int Gathered => workers.Count + clients.Count;

    /// <summary>
    /// Completes when this thread has gone through all sockets that had something for it; at once where that would not pay, and
    /// on all other threads. To be awaited at once, before something short is sent.
    /// </summary>
    public static ValueTask End(SendTo to)
    {
        if (current is not { } turn)
        {
            return ValueTask.CompletedTask;
        }

        if (turn.resting > 0)
        {
            turn.resting--;
            return ValueTask.CompletedTask;
        }

        return new(turn, (short)to);
    }

    /// <summary>Sees to it that some thread that hears of sockets has its turns.</summary>
    /// <returns>
    /// Completes when the thread is known, with its id; 0 where threads of the pool go on with what is heard. Which of the threads
    /// hears of a new socket is the runtime's choice; where it has its turns already nothing changes.
    /// </returns>
    /// <exception cref="SocketException">The socket that it takes can't be made.</exception>
    public static Task<int> Begin()
    {
        var address = new UnixDomainSocketEndPoint($"\0workermesh-{Guid.NewGuid():N}");
        var self = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            self.Bind(address);
            // From now on the kernel takes nothing from anybody else.
            self.Connect(address);
            var thread = new SocketTurn(self).Run();
            self.Send(Datagram);
            return thread;
        }
        catch (SocketException)
        {
            self.Dispose();
            throw;
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => ValueTaskSourceStatus.Pending;

    void IValueTaskSource.GetResult(short token)
    {
    }

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        ((SendTo)token == SendTo.Worker ? workers : clients).Add(continuation, state);
        if (listens && !isWoken)
        {
            Wake();
        }
    }

    private async Task<int> Run()
    {
        await self.ReceiveAsync(heard.AsMemory(), SocketFlags.None);
        var thread = Environment.CurrentManagedThreadId;
        if (Thread.CurrentThread.IsThreadPoolThread || current is not null)
        {
            self.Dispose();
            return Thread.CurrentThread.IsThreadPoolThread ? 0 : thread;
        }

        current = this;
        All.Add(this);
        _ = Turns();
        return thread;
    }

    private async Task Turns()
    {
        var isSecond = false;
        while (true)
        {
            try
            {
                var receiving = self.ReceiveAsync(heard.AsMemory(), SocketFlags.None);
                listens = true;
                // Those that came while the ones before were sent.
                if (Gathered > 0)
                {
                    Wake();
                }

                await receiving;
            }
            catch (SocketException)
            {
                // Nothing would tell of the end of a turn any more: none is waited for.
                current = null;
                SendAll();
                self.Dispose();
                return;
            }

            (listens, isWoken) = (false, false);
            isSecond = !isSecond && Gathered < Enough;
            if (!isSecond)
            {
                Weigh(Gathered);
                SendTurn();
            }
        }
    }

    private void Weigh(int gathered)
    {
        average += (gathered - average) / Span;
        if (average < Least)
        {
            (average, resting) = (Enough, Rest);
        }
    }

    private void Wake()
    {
        try
        {
            isWoken = true;
            self.Send(Datagram);
        }
        catch (SocketException)
        {
            // The kernel has no memory for it: nobody is to wait for that.
            (listens, isWoken) = (false, false);
            SendAll();
            listens = true;
        }
    }

    private void SendTurn()
    {
        turns++;
        sends += Gathered;
        workers.Continue();
        clients.Continue();
    }

    /// <summary>Also what comes meanwhile.</summary>
    private void SendAll()
    {
        while (Gathered > 0)
        {
            SendTurn();
        }
    }

    /// <summary>Who waits for the end of the turn, in the order in which they came.</summary>
    private sealed class Waiting
    {
        private (Action<object?> Continuation, object? State)[] next = new (Action<object?>, object?)[Enough];
        private (Action<object?> Continuation, object? State)[] last = new (Action<object?>, object?)[Enough];

        public int Count { get; private set; }

        public void Add(Action<object?> continuation, object? state)
        {
            if (Count == next.Length)
            {
                Array.Resize(ref next, 2 * Count);
            }

            next[Count++] = (continuation, state);
        }

        /// <summary>Whoever comes meanwhile waits for the next turn's end.</summary>
        public void Continue()
        {
            var count = Count;
            (next, last, Count) = (last, next, 0);
            for (var i = 0; i < count; i++)
            {
                var (continuation, state) = last[i];
                last[i] = default;
                continuation(state);
            }
        }
    }
}
