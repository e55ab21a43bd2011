using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// The way of renewals to a registry that does not answer a call: where it is may be what cannot be found out, because the
/// silo that had this part of the directory is gone and can't be declared dead without the database. Each silo is told what
/// would go to the registry; the one that has it in memory takes it.
/// </summary>
/// <param name="others">The silos that are members, but for this one.</param>
/// <param name="grains">Reaches them.</param>
/// <param name="clock">Measures how long they take.</param>
internal sealed class RenewalDetour(Func<IEnumerable<SiloAddress>> others, IGrainFactory grains, TimeProvider clock)
{
    /// <summary>How long they may take: one of them is gone, most likely.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <returns>Null where no silo that answered has the registry.</returns>
    public async Task<RenewalAnswer?> Renew(ServiceType registry, ImmutableArray<Renewal> renewals)
    {
        List<Task<RenewalAnswer?>> telling =
            [.. others().Select(silo => SiloServices.HeartbeatsAt(grains, silo).RenewIfHere(registry, renewals))];
        // One may also be of an earlier version, and not know what it is told.
        await ((Task)Task.WhenAll(telling)).WaitAsync(Patience, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        RenewalAnswer? answer = null;
        foreach (var told in telling.Where(one => one.IsCompletedSuccessfully))
        {
            answer ??= await told;
        }

        return answer;
    }
}
