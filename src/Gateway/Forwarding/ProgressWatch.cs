using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// Keeps the time limits of one attempt where the forwarder's single one does not do. Which limit holds depends on what
/// the attempt is at: sending the request, waiting for the answer, or passing the answer on. While a connection is made
/// for it none does, for connecting has its own (<see cref="WorkerClient"/>).
/// The streams that the bytes pass through tell it of progress, which costs one read of the clock; the timer looks no
/// oftener than once per limit. Members may be called at once, and after the attempt is over.
/// </summary>
internal sealed class ProgressWatch : IDisposable
{
    /// <summary>By which <see cref="WorkerClient"/> finds it in a request that makes it open a connection.</summary>
    public static readonly HttpRequestOptionsKey<ProgressWatch> Key = new("workermesh.watch");

    private readonly TimeLimits limits;
    private readonly TimeProvider clock;
    private readonly CancellationTokenSource expired = new();
    private readonly ITimer timer;
    private long progressTicks;
    private int stage;
    private int connecting;
    private int changes;
    private int readingClient;

    /// <param name="limits">The limits.</param>
    /// <param name="hasBody">Whether the request has a body, which has to be sent first.</param>
    /// <param name="clock">The clock.</param>
    public ProgressWatch(TimeLimits limits, bool hasBody, TimeProvider clock)
    {
        this.limits = limits;
        this.clock = clock;
        stage = (int)(hasBody ? Stage.Sending : Stage.Waiting);
        timer = clock.CreateTimer(
            static watch => ((ProgressWatch)watch!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        OnProgress();
        Arm();
    }

    private enum Stage
    {
        Sending,
        Waiting,
        Answering,
    }

    /// <summary>Cancelled when a limit is over.</summary>
    public CancellationToken Expired => expired.Token;

    public TimeSpan ConnectLimit => limits.Connect;

    /// <summary>Whether it expired while the client had a part of its request still to send, and paused.</summary>
    public bool ClientPaused { get; private set; }

    /// <summary>Some bytes went one way or the other.</summary>
    public void OnProgress() => Volatile.Write(ref progressTicks, clock.Elapsed().Ticks);

    /// <summary>Waiting for the client's next bytes begins or ends.</summary>
    public void OnReadingClient(bool begins) => Volatile.Write(ref readingClient, begins ? 1 : 0);

    /// <summary>The whole request is on its way.</summary>
    public void OnRequestEnded()
    {
        if (Interlocked.CompareExchange(ref stage, (int)Stage.Waiting, (int)Stage.Sending) == (int)Stage.Sending)
        {
            OnChange();
        }
    }

    /// <summary>The worker's answer begins.</summary>
    public void OnAnswerBegan()
    {
        Volatile.Write(ref stage, (int)Stage.Answering);
        OnChange();
    }

    /// <summary>A connection for it is made, or given up.</summary>
    public void OnConnecting(bool begins)
    {
        Volatile.Write(ref connecting, begins ? 1 : 0);
        OnChange();
    }

    public void Dispose()
    {
        timer.Dispose();
        expired.Dispose();
    }

    private void OnChange()
    {
        OnProgress();
        Interlocked.Increment(ref changes);
        Arm();
    }

    /// <summary>The limit that holds now; null where none does.</summary>
    private TimeSpan? Limit() => (Stage)Volatile.Read(ref stage) switch
    {
        Stage.Answering => limits.BetweenBytes,
        _ when Volatile.Read(ref connecting) != 0 => null,
        Stage.Waiting => limits.FirstByte,
        _ => limits.BetweenBytes,
    };

    private TimeSpan Left(TimeSpan limit) => new TimeSpan(Volatile.Read(ref progressTicks)) + limit - clock.Elapsed();

    /// <summary>Sets the timer for the limit that holds, and again where that changed meanwhile.</summary>
    private void Arm()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref changes);
            if (Limit() is { } limit)
            {
                var left = Left(limit);
                timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            }
        }
        while (seen != Volatile.Read(ref changes));
    }

    private void Look()
    {
        if (Limit() is not { } limit)
        {
            return;
        }

        if (Left(limit) > TimeSpan.Zero)
        {
            Arm();
            return;
        }

        ClientPaused = Volatile.Read(ref stage) == (int)Stage.Sending && Volatile.Read(ref readingClient) != 0;
        try
        {
            expired.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The attempt ended in this moment.
        }
    }
}
