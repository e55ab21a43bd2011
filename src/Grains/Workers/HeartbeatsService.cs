using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace WorkerMesh.Grains.Workers;

internal sealed class HeartbeatsService(LiveWorkers workers, Silo silo, ILoggerFactory logging)
    : GrainService(GrainId.Create(SiloServices.Heartbeats, IdSpan.Create("")), silo, logging), IHeartbeatsService
{
    public Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats) =>
        Task.FromResult(workers.TryRenew(beats));
}
