using System.Collections.Immutable;
using Orleans.Concurrency;

namespace WorkerMesh.Grains.Workers;

[StatelessWorker]
internal sealed class HeartbeatsGrain(LiveWorkers workers) : Grain, IHeartbeatsGrain
{
    public Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats) =>
        Task.FromResult(workers.TryRenew(beats));
}
