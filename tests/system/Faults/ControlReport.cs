namespace WorkerMesh.Tests.System.Faults;

/// <summary>A call of a <see cref="ControlLoad"/>.</summary>
/// <param name="What">What was asked.</param>
/// <param name="Begun">When, on the clock of the load.</param>
/// <param name="Ended">When it was answered.</param>
/// <param name="Status">With what; null: not at all.</param>
/// <param name="SaysWhen">Whether the answer says when to try again.</param>
/// <param name="Fault">What is wrong with it, if anything.</param>
public sealed record ControlCall(
    string What, TimeSpan Begun, TimeSpan Ended, int? Status, bool SaysWhen, string? Fault);

/// <summary>What became of the calls of a <see cref="ControlLoad"/>.</summary>
/// <param name="Calls">All of them, in the order of their beginning.</param>
/// <param name="Acknowledged">How many registrations were acknowledged.</param>
/// <param name="Breaches">What the mesh said that can't be true.</param>
public sealed record ControlReport(
    IReadOnlyList<ControlCall> Calls, int Acknowledged, IReadOnlyList<string> Breaches)
{
    public IEnumerable<ControlCall> Failed => Calls.Where(c => c.Fault is not null);

    public TimeSpan Slowest => Calls.Count == 0 ? default : Calls.Max(c => c.Ended - c.Begun);

    /// <summary>Fails where the registry contradicted itself.</summary>
    public void ExpectNoBreach() => Assert.True(Breaches.Count == 0, string.Join('\n', Breaches.Take(20)));

    /// <summary>Fails where a call was refused, or not answered within this time.</summary>
    public void ExpectAllAnswered(TimeSpan within)
    {
        ExpectNoBreach();
        Assert.True(!Failed.Any(), string.Join('\n', Failed.Take(20)));
        var slow = Calls.Where(c => c.Ended - c.Begun > within).ToList();
        Assert.True(slow.Count == 0, $"Not answered within {within}:\n{string.Join('\n', slow.Take(20))}");
    }
}
