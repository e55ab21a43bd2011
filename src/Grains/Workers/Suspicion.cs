using System.Collections.Immutable;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// Whether gateways should avoid a worker because one of them can't connect to it. It expires by itself unless it is
/// renewed, so that a report that gets lost exiles nobody. Where another gateway reaches the worker right after a
/// report, the worker is well and the reporter's way to it is not: its word on this worker does not count for a while,
/// which doubles each time that it is contradicted again, so that the worker does not go to and fro. Times are of the
/// grain's monotonic clock.
/// </summary>
/// <param name="Until">When it expires.</param>
/// <param name="By">The gateways that could not connect, since it was last in order.</param>
/// <param name="Discredited">The gateways whose reports do not count, oldest first.</param>
[GenerateSerializer, Immutable, Alias("mesh.Suspicion")]
internal sealed record Suspicion(TimeSpan Until, ImmutableArray<string> By, ImmutableArray<Discredit> Discredited)
{
    /// <summary>How long a report counts. Gateways renew it every 2 s while requests fail.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(10);

    /// <summary>The most gateways that are remembered; there are rarely more than a few.</summary>
    public const int MostRemembered = 16;

    /// <summary>
    /// An answer so soon after a report contradicts it; one that comes later says that the worker is back.
    /// </summary>
    private static readonly TimeSpan Contradiction = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstDiscredit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestDiscredit = TimeSpan.FromMinutes(10);

    public static readonly Suspicion None = new(TimeSpan.MinValue, [], []);

    public bool Holds(TimeSpan now) => now < Until;

    /// <summary>The same on a clock that is ahead by so much.</summary>
    public Suspicion Shift(TimeSpan ahead)
    {
        var isNone = Until == None.Until;
        return isNone && Discredited.IsEmpty ? None : this with
        {
            Until = isNone ? Until : Until + ahead,
            Discredited = [.. Discredited.Select(d => d with { Until = d.Until + ahead })],
        };
    }

    /// <summary>What is to be thought after a verdict on the current incarnation.</summary>
    public Suspicion Hear(Verdict verdict, TimeSpan now) =>
        verdict.Reached ? Clear(verdict.GatewayId, now)
        : Discredited.Any(d => d.GatewayId == verdict.GatewayId && now < d.Until) ? this
        : this with
        {
            Until = now + Lifetime,
            By = By.Contains(verdict.GatewayId) || By.Length == MostRemembered ? By : By.Add(verdict.GatewayId),
        };

    private Suspicion Clear(string reachedBy, TimeSpan now)
    {
        var discredited = Discredited;
        var isContradicted = Holds(now) && now - (Until - Lifetime) < Contradiction;
        foreach (var wrong in By.Where(gateway => isContradicted && gateway != reachedBy))
        {
            var before = discredited.FirstOrDefault(d => d.GatewayId == wrong && now < d.Until + LongestDiscredit);
            var pause = before.Pause == default ? FirstDiscredit : before.Pause * 2;
            pause = pause < LongestDiscredit ? pause : LongestDiscredit;
            discredited = [.. discredited.Where(d => d.GatewayId != wrong), new(wrong, pause, now + pause)];
        }

        // Who has reached it itself is trusted again.
        discredited = [.. discredited.Where(d => d.GatewayId != reachedBy).TakeLast(MostRemembered)];
        return new(TimeSpan.MinValue, [], discredited);
    }
}

/// <summary>A gateway whose reports on a worker do not count.</summary>
/// <param name="GatewayId">The gateway.</param>
/// <param name="Pause">For how long.</param>
/// <param name="Until">Until when.</param>
[GenerateSerializer, Immutable, Alias("mesh.Discredit")]
internal readonly record struct Discredit(string GatewayId, TimeSpan Pause, TimeSpan Until);
