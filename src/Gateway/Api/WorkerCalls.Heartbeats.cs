using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Api;

/// <summary>
/// Heartbeats: by the silo that has the worker in memory, else by the worker's grain, and where that does not answer, or can't
/// read the store, by the worker's registries.
/// </summary>
internal sealed partial class WorkerCalls
{
    /// <summary>
    /// After so long without a grain's answer the registries are asked as well: longer than a grain that comes into memory
    /// takes on a busy machine, and than it takes to find a silo that was killed.
    /// </summary>
    private static readonly TimeSpan GrainPatience = TimeSpan.FromSeconds(4);

    public ValueTask<HeartbeatAnswer> Heartbeat(WorkerId id, Heartbeat beat)
    {
        return here?.TryRenew(id, beat) is { } renewed ? new(renewed) : new(Call());

        async Task<HeartbeatAnswer> Call() =>
            (here is null ? await silos.TryRenew(id, beat) : null) ?? await (await HeartbeatsOfGrains([new(id, beat)]))[0];
    }

    /// <summary>
    /// Many heartbeats: most of them with one message to each silo, the others with one to each worker's grain.
    /// </summary>
    /// <returns>An answer for each, in order; null where there was none in time.</returns>
    public async Task<HeartbeatAnswer?[]> Heartbeats(IReadOnlyList<WorkerHeartbeat> beats)
    {
        HeartbeatAnswer?[] answers = here is null
            ? await silos.TryRenew(beats)
            : [.. beats.Select(beat => here.TryRenew(beat.Id, beat.Beat))];
        var others = Enumerable.Range(0, answers.Length).Where(i => answers[i] is null).ToList();
        var answering = await HeartbeatsOfGrains([.. others.Select(i => beats[i])]);
        await Task.WhenAll(others.Zip(answering, async (i, answer) => answers[i] = await OrNull(answer)));
        return answers;
    }

    /// <summary>By the workers' grains, and those that are not answered for a reason of ours by the workers' registries.</summary>
    /// <returns>An answer for each, in order, now or later.</returns>
    private async Task<Task<HeartbeatAnswer>[]> HeartbeatsOfGrains(IReadOnlyList<WorkerHeartbeat> beats)
    {
        Task<HeartbeatAnswer>[] answering = [.. beats.Select(beat => HeartbeatOfGrain(beat.Id, beat.Beat))];
        if (here is not null)
        {
            return answering;
        }

        await ((Task)Task.WhenAll(answering)).WaitAsync(GrainPatience, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var open = Enumerable.Range(0, answering.Length).Where(i => IsOpen(answering[i])).ToList();
        if (open.Count > 0)
        {
            var renewed = await registries.Renew([.. open.Select(i => beats[i])]);
            await routes.CatchUp(renewed.SelectMany(answer => answer?.Versions ?? []));
            foreach (var (i, answer) in open.Zip(renewed))
            {
                answering[i] = answer is null ? answering[i] : Task.FromResult(answer);
            }
        }

        return answering;
    }

    private async Task<HeartbeatAnswer> HeartbeatOfGrain(WorkerId id, Heartbeat beat)
    {
        var answer = await cluster.Call(grains => Worker(grains, id).Heartbeat(beat), CancellationToken.None);
        silos.Hear(id, answer);
        if (!answer.Versions.IsEmpty)
        {
            await routes.CatchUp(answer.Versions);
        }

        return answer;
    }

    /// <summary>Null where nobody answered: of some heartbeats only, what was renewed of the others is told.</summary>
    private static async Task<T?> OrNull<T>(Task<T> answering)
    {
        try
        {
            return await answering;
        }
        catch (Exception e) when (IsOutage(e))
        {
            return default;
        }
    }

    private static bool IsOpen(Task<HeartbeatAnswer> answering) =>
        !answering.IsCompleted || (answering.Exception?.InnerException is { } failure && IsOutage(failure));

    private static bool IsOutage(Exception e) => e is ClusterUnavailableException or StoreUnavailableException;
}
