namespace WorkerMesh.Gateway.Routing;

/// <summary>
/// How fast places become free, as an average that forgets: events and the time that they were watched for both decay,
/// so that their ratio is of the last while only. Not safe for many threads at once.
/// </summary>
internal sealed class CompletionRate
{
    /// <summary>After so long an event weighs 37 %.</summary>
    private const double DecaySeconds = 10;

    private double events;
    private double seconds;
    private TimeSpan at;

    /// <summary>Watching begins, or goes on after a pause that does not count.</summary>
    public void Resume(TimeSpan now) => at = now;

    /// <summary>A place became free.</summary>
    public void Count(TimeSpan now)
    {
        Advance(now);
        events++;
    }

    /// <summary>
    /// How long until so many places have become free. One more event is assumed than were seen, so that it is right
    /// from the beginning: nothing for 5 s means one in 5 s at best.
    /// </summary>
    public TimeSpan Until(int places, TimeSpan now)
    {
        Advance(now);
        return TimeSpan.FromSeconds(places * seconds / (events + 1));
    }

    private void Advance(TimeSpan now)
    {
        var passed = Math.Max(0, (now - at).TotalSeconds);
        var weight = Math.Exp(-passed / DecaySeconds);
        events *= weight;
        seconds = (seconds * weight) + passed;
        at = now;
    }
}
