using System.Collections.Immutable;
using Orleans.Concurrency;

namespace WorkerMesh.Grains.Workers;

[StatelessWorker]
internal sealed class HeartbeatsGrain(LiveWorkers workers) : Grain, IHeartbeatsGrain
{
    public Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats)
    {
        var answers = ImmutableArray.CreateBuilder<HeartbeatAnswer?>(beats.Length);
        foreach (var beat in beats)
        {
            answers.Add(workers.TryRenew(beat.Id, beat.Beat));
        }

        return Task.FromResult(answers.MoveToImmutable());
    }
}
