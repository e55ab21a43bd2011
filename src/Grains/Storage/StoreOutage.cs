using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Grains.Storage;

/// <summary>
/// Says when one kind of the store's operations begins to fail, once a minute while they do, and when one succeeds again.
/// </summary>
internal sealed partial class StoreOutage(string what, Counter<long> failures, TimeProvider clock, ILogger logger)
{
    private static readonly TimeSpan BetweenWarnings = TimeSpan.FromMinutes(1);

    /// <summary>Where some fail and some do not, it goes on.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private volatile bool on;
    private TimeSpan since;
    private TimeSpan toldAt;
    private TimeSpan failedAt;

    /// <summary>The operation, whose end is noted.</summary>
    public Task<T> Watch<T>(Task<T> operation) => operation.IsCompletedSuccessfully && !on ? operation : Await(operation);

    private async Task<T> Await<T>(Task<T> operation)
    {
        T result;
        try
        {
            result = await operation;
        }
        catch (StoreUnavailableException e)
        {
            OnFailed(e.Message);
            throw;
        }

        if (on)
        {
            OnWorked();
        }

        return result;
    }

    private void OnFailed(string reason)
    {
        failures.Add(1);
        lock (gate)
        {
            var now = clock.Elapsed();
            failedAt = now;
            if (on && now - toldAt < BetweenWarnings)
            {
                return;
            }

            since = on ? since : now;
            toldAt = now;
            on = true;
        }

        LogFails(what, reason);
    }

    private void OnWorked()
    {
        double seconds;
        lock (gate)
        {
            if (!on || clock.Elapsed() - failedAt < Quiet)
            {
                return;
            }

            on = false;
            seconds = Math.Round((clock.Elapsed() - since).TotalSeconds, 1);
        }

        LogWorks(what, seconds);
    }

    [LoggerMessage(1500, LogLevel.Warning, "{What}: {Reason} Clients get 503.")]
    private partial void LogFails(string what, string reason);

    [LoggerMessage(1501, LogLevel.Information, "{What}: no longer, after {Seconds} s.")]
    private partial void LogWorks(string what, double seconds);
}
