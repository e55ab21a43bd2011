using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>Runs the active health check of one worker while its lease runs.</summary>
/// <param name="grain">The worker's grain.</param>
/// <param name="id">The worker.</param>
/// <param name="probe">Makes the checks.</param>
/// <param name="failuresToDegrade">So many failures in a row make it failing; one success takes that back.</param>
/// <param name="onVerdict">
/// Is told after each check whether it succeeded and whether the worker is failing; answers whether to go on checking.
/// </param>
internal sealed class WorkerHealthMonitor(
    Grain grain,
    WorkerId id,
    WorkerHealthProbe probe,
    int failuresToDegrade,
    Func<bool, bool, bool> onVerdict)
{
    private Registration? followed;
    private IGrainTimer? timer;
    private int failuresInARow;

    /// <summary>Checks this registration from now on; does nothing where it already does.</summary>
    public void Follow(Registration registration)
    {
        if (ReferenceEquals(followed, registration))
        {
            return;
        }

        Stop();
        followed = registration;
        if (registration.Health is { } check)
        {
            // Spread by the id, so that workers that registered together are not checked together.
            var share = (uint)string.GetHashCode(id.Value, StringComparison.Ordinal) / (double)uint.MaxValue;
            timer = grain.RegisterGrainTimer(
                token => Check(registration, check, token),
                new(check.Interval * share, check.Interval) { Interleave = true, KeepAlive = true });
        }
    }

    public void Stop()
    {
        timer?.Dispose();
        timer = null;
        followed = null;
        failuresInARow = 0;
    }

    private async Task Check(Registration registration, HealthCheck check, CancellationToken cancellationToken)
    {
        var healthy = await probe.IsHealthy(registration, check, cancellationToken);
        if (!ReferenceEquals(followed, registration))
        {
            // Replaced or stopped while the check ran: its verdict is about another process.
            return;
        }

        failuresInARow = healthy ? 0 : failuresInARow + 1;
        var goOn = onVerdict(healthy, failuresInARow >= failuresToDegrade);
        if (!goOn)
        {
            // Offline: the next heartbeat or registration starts it again.
            Stop();
        }
    }
}
