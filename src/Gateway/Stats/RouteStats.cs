using WorkerMesh.Gateway.Forwarding;

namespace WorkerMesh.Gateway.Stats;

/// <summary>What was counted on one route since it was first asked for.</summary>
internal sealed class RouteStats
{
    private readonly long[] outcomes = new long[Enum.GetValues<ForwardOutcome>().Length];
    private long retries;
    private int inFlight;

    /// <summary>Time to the first byte of the answers.</summary>
    public LatencyHistogram FirstByte { get; } = new();

    public long Retries => Interlocked.Read(ref retries);

    public int InFlight => Volatile.Read(ref inFlight);

    /// <summary>Equal to what it was before where no request has come or gone since.</summary>
    public (long Ended, int InFlight) Activity
    {
        get
        {
            var ended = 0L;
            foreach (ref var count in outcomes.AsSpan())
            {
                ended += Interlocked.Read(ref count);
            }

            return (ended, InFlight);
        }
    }

    public long Count(ForwardOutcome outcome) => Interlocked.Read(ref outcomes[(int)outcome]);

    public void Started() => Interlocked.Increment(ref inFlight);

    public void Ended(ForwardOutcome outcome, int attempts)
    {
        Interlocked.Decrement(ref inFlight);
        Interlocked.Increment(ref outcomes[(int)outcome]);
        if (attempts > 1)
        {
            Interlocked.Add(ref retries, attempts - 1);
        }
    }
}
