using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Routing;

/// <summary>Who has changed something at this gateway finds it here.</summary>
internal sealed partial class RouteTable
{
    /// <summary>
    /// Waits until this gateway's routes show a change that was just acknowledged, so that who made it at this gateway
    /// finds it here. Only for a moment: the change is true whether or not it is shown yet.
    /// </summary>
    public async Task CatchUp(IEnumerable<RegistryVersion> versions)
    {
        var begun = clock.Elapsed();
        foreach (var version in versions)
        {
            while (Find(version.ServiceType.Value) is { } route)
            {
                var changed = route.Changed;
                if (route.Snapshot!.Version is var shown && (shown.Epoch != version.Epoch || shown.Version >= version.Version))
                {
                    break;
                }

                var left = options.CatchUpTimeout - (clock.Elapsed() - begun);
                if (left <= TimeSpan.Zero)
                {
                    return;
                }

                // Its timer goes with it: one that ran on would wake two threads later, for nothing.
                await changed.WaitAsync(left, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
