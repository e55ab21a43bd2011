using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>
/// Sends heartbeats to the silos that have the workers in memory, gathered in messages (<see cref="SiloLane"/>). Learns
/// from the answers where that is.
/// </summary>
internal sealed class SiloHeartbeats(ClusterCalls cluster, SiloList silos, TimeProvider clock)
{
    public const int MostInOne = 1000;

    private readonly WorkerHomes homes = new();
    private readonly ConditionalWeakTable<SiloHome, SiloLane<WorkerHeartbeat[], ArraySegment<HeartbeatAnswer?>>> lanes = [];

    /// <summary>Renews those leases of which the silo is known, or found, and can do so without the worker's grain.</summary>
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

        // For a single one it costs less to call its grain, which always answers, than to ask all silos.
        var anywhere = others.Count < 2 ? [] : silos.Silos.Select(silo => RenewIfThere(silo, others));
        await Task.WhenAll(known.Select(group => RenewAt(group.Key, group.Value)).Concat(anywhere));
        return answers;

        async Task RenewAt(SiloHome home, List<int> group) =>
            Take(group, await Renew(home, [.. group.Select(i => beats[i])]));

        async Task RenewIfThere(SiloAddress silo, List<int> group)
        {
            // A guess is not worth waiting for a silo that may hang: what it would have renewed, the grains do.
            if (await Ask(grains => SiloServices.HeartbeatsAt(grains, silo), [.. group.Select(i => beats[i])], SiloLane.Patience)
                is not { Count: > 0 } renewed)
            {
                return;
            }

            Take(group, renewed);
            if (renewed.FirstOrDefault(answer => answer is not null)?.Silo is { } there)
            {
                foreach (var i in group.Where((_, n) => renewed[n] is not null))
                {
                    homes.Learn(beats[i].Id, there);
                }
            }
        }

        void Take(List<int> group, ArraySegment<HeartbeatAnswer?> renewed)
        {
            for (var n = 0; n < renewed.Count; n++)
            {
                if (renewed[n] is { } answer)
                {
                    answers[group[n]] = answer;
                }
            }
        }
    }

    /// <summary>The same for a single heartbeat, where its silo is known.</summary>
    public async Task<HeartbeatAnswer?> TryRenew(WorkerId id, Heartbeat beat) =>
        homes.Find(id) is { } home && await Renew(home, [new(id, beat)]) is [var answer] ? answer : null;

    /// <summary>The worker's grain has answered.</summary>
    public void Hear(WorkerId id, HeartbeatAnswer answer)
    {
        if (answer is { Outcome: HeartbeatOutcome.Renewed, Silo: { } silo })
        {
            homes.Learn(id, silo);
        }
    }

    /// <summary>Renews leases of workers that are there. Empty where the silo did not answer.</summary>
    private async Task<ArraySegment<HeartbeatAnswer?>> Renew(SiloHome home, WorkerHeartbeat[] beats)
    {
        var renewed = await lanes.GetValue(home, LaneTo).Send(beats, beats.Length);
        for (var i = 0; i < renewed.Count; i++)
        {
            if (renewed[i] is null)
            {
                homes.Forget(beats[i].Id);
            }
        }

        return renewed;
    }

    private SiloLane<WorkerHeartbeat[], ArraySegment<HeartbeatAnswer?>> LaneTo(SiloHome home) =>
        new(batch => Send(home, batch), MostInOne, clock);

    private async Task<IReadOnlyList<ArraySegment<HeartbeatAnswer?>>> Send(SiloHome home, IReadOnlyList<WorkerHeartbeat[]> batch)
    {
        var answers = new ArraySegment<HeartbeatAnswer?>[batch.Count];
        // What waited while the silo turned out not to answer is not left to find that out again.
        var renewed = home.Lost ? [] : await Ask(
            grains => home.Heartbeats ??= SiloServices.HeartbeatsAt(grains, home.Silo),
            batch is [var only] ? only : [.. batch.SelectMany(beats => beats)]);
        if (renewed.Count == 0)
        {
            homes.Lose(home);
            return answers;
        }

        for (int i = 0, start = 0; i < answers.Length; start += batch[i++].Length)
        {
            answers[i] = renewed.Slice(start, batch[i].Length);
        }

        return answers;
    }

    /// <summary>Empty where the silo did not answer.</summary>
    private async Task<ArraySegment<HeartbeatAnswer?>> Ask(
        Func<IGrainFactory, IHeartbeatsService> silo, WorkerHeartbeat[] beats, TimeSpan? patience = null)
    {
        var renewed = await (patience is { } limit ? cluster.CallOnce(Renew, limit) : cluster.CallOnce(Renew));
        return renewed.IsDefault ? [] : ImmutableCollectionsMarshal.AsArray(renewed)!;

        Task<ImmutableArray<HeartbeatAnswer?>> Renew(IGrainFactory grains) =>
            silo(grains).Renew(ImmutableCollectionsMarshal.AsImmutableArray(beats));
    }
}
