namespace WorkerMesh.Grains.Storage;

/// <summary>
/// The highest incarnation floor that was heard of (<see cref="StoredWorker.IncarnationFloor"/>). The store's may be higher by
/// now: to guess too low costs another call, or a reading of the store. Any thread may use it.
/// </summary>
public sealed class HighestFloor
{
    private const long None = -1;

    private long highest = None;

    /// <summary>Null while none was heard of.</summary>
    public long? Value => Volatile.Read(ref highest) is var known && known == None ? null : known;

    /// <summary>A floor that somebody has told of; null where they did not.</summary>
    public void Learn(long? floor)
    {
        for (var known = Volatile.Read(ref highest); floor > known;)
        {
            known = Interlocked.CompareExchange(ref highest, floor.Value, known);
        }
    }
}
