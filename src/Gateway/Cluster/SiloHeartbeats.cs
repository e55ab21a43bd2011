using System.Collections.Immutable;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Sends heartbeats to the silos that have the workers in memory, in one message to each. Learns from the answers where
/// that is.
/// </summary>
internal sealed class SiloHeartbeats(ClusterCalls cluster)
{
    /// <summary>Any key: it is answered by the silo that the message comes to.</summary>
    private const long AnySilo = 0;

    private readonly WorkerHomes homes = new();

    /// <summary>Renews those leases of which the silo is known, or guessed, and can do so without the worker's grain.</summary>
    /// <returns>An answer for each, in order; null, with nothing changed, where the grain has to be called.</returns>
    public async Task<HeartbeatAnswer?[]> TryRenew(IReadOnlyList<WorkerHeartbeat> beats)
    {
        var answers = new HeartbeatAnswer?[beats.Count];
        var known = new Dictionary<SiloHome, List<int>>();
        var others = new List<int>();
        for (var i = 0; i < answers.Length; i++)
        {
            if (homes.Find(beats[i].Id) is not { } home)
            {
                others.Add(i);
            }
            else if (known.TryGetValue(home, out var group))
            {
                group.Add(i);
            }
            else
            {
                known.Add(home, [i]);
            }
        }

        await Task.WhenAll(known.Select(group => RenewAt(group.Key, group.Value)).Append(RenewAnywhere()));
        return answers;

        async Task RenewAt(SiloHome home, List<int> group)
        {
            var renewed = await Ask(home, [.. group.Select(i => beats[i])]);
            for (var i = 0; i < renewed.Length; i++)
            {
                answers[group[i]] = renewed[i];
            }
        }

        async Task RenewAnywhere()
        {
            // For a single one the guess costs as much as its grain, which always answers.
            if (others.Count < 2)
            {
                return;
            }

            var renewed = await cluster.CallOnce(grains =>
                grains.GetGrain<IHeartbeatsGrain>(AnySilo).Renew([.. others.Select(i => beats[i])]));
            if (renewed.IsDefault)
            {
                return;
            }

            var silo = renewed.FirstOrDefault(answer => answer is not null)?.Silo;
            for (var i = 0; i < others.Count; i++)
            {
                answers[others[i]] = renewed[i];
                if (renewed[i] is not null && silo is not null)
                {
                    homes.Learn(beats[others[i]].Id, silo);
                }
            }
        }
    }

    /// <summary>The same for a single heartbeat, where its silo is known.</summary>
    public async Task<HeartbeatAnswer?> TryRenew(WorkerId id, Heartbeat beat) =>
        homes.Find(id) is { } home && await Ask(home, [new(id, beat)]) is [var answer] ? answer : null;

    /// <summary>The worker's grain has answered.</summary>
    public void Hear(WorkerId id, HeartbeatAnswer answer)
    {
        if (answer is { Outcome: HeartbeatOutcome.Renewed, Silo: { } silo })
        {
            homes.Learn(id, silo);
        }
    }

    /// <summary>Asks a silo. Empty where it did not answer.</summary>
    private async Task<ImmutableArray<HeartbeatAnswer?>> Ask(SiloHome home, ImmutableArray<WorkerHeartbeat> beats)
    {
        var renewed = await cluster.CallOnce(grains => SiloServices.HeartbeatsAt(grains, home.Silo).Renew(beats));
        if (renewed.IsDefault)
        {
            homes.Lose(home);
            return [];
        }

        for (var i = 0; i < renewed.Length; i++)
        {
            if (renewed[i] is null)
            {
                homes.Forget(beats[i].Id);
            }
        }

        return renewed;
    }
}
