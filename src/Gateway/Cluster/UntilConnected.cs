namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// A gateway that starts before its database or silos goes on trying, and says so, until it is stopped.
/// </summary>
internal sealed partial class UntilConnected(TimeProvider clock, ILogger<UntilConnected> logger) : IClientConnectionRetryFilter
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private const int AttemptsPerWarning = 20;

    private int attempts;

    public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
    {
        if (attempts++ % AttemptsPerWarning == 0)
        {
            LogWaiting(exception.Message);
        }

        await Task.Delay(Pause, clock, cancellationToken);
        return true;
    }

    [LoggerMessage(3010, LogLevel.Warning, "No silo can be reached yet ({Reason}); trying again every 0.5 s.")]
    private partial void LogWaiting(string reason);
}
