using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Grains.Workers;

/// <summary>Orleans runs calls to such a service side by side, where they wait.</summary>
internal sealed class HeartbeatsService(
    LiveWorkers workers, LocalRegistries registries, IGrainFactory grains, Silo silo, ILoggerFactory logging)
    : GrainService(GrainId.Create(SiloServices.Heartbeats, IdSpan.Create("")), silo, logging), IHeartbeatsService
{
    public Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats) =>
        Task.FromResult(workers.TryRenew(beats));

    public async Task<ImmutableArray<HeartbeatAnswer?>> RenewInRegistries(ImmutableArray<WorkerHeartbeat> beats)
    {
        var answers = new HeartbeatAnswer?[beats.Length];
        await Task.WhenAll(registries.LeasesOf(beats).Select(held => Renew(held.Registry, held.Leases, answers)));
        return ImmutableCollectionsMarshal.AsImmutableArray(answers);
    }

    public async Task<RenewalAnswer?> RenewIfHere(ServiceType registry, ImmutableArray<Renewal> renewals) =>
        registries.Has(registry) ? await Renew(registry, renewals) : null;

    private async Task Renew(ServiceType registry, IReadOnlyList<HeldLease> leases, HeartbeatAnswer?[] answers)
    {
        var renewed = await Renew(registry, [.. leases.Select(lease => lease.Renewal)]);
        foreach (var lease in leases.Where(lease => !renewed.Unknown.Contains(lease.Renewal.Id)))
        {
            var versions = answers[lease.Number]?.Versions ?? [];
            answers[lease.Number] = lease.Answer with { Versions = lease.ChangesState ? versions.Add(renewed.Version) : versions };
        }
    }

    /// <summary>
    /// By a call where one is due, which keeps the registry in memory, and finds it where it has just moved. Else the
    /// directory, which may be what does not answer, is left alone.
    /// </summary>
    private async Task<RenewalAnswer> Renew(ServiceType registry, ImmutableArray<Renewal> renewals) =>
        registries.TryRenew(registry, renewals) ?? await grains.GetGrain<IServiceRegistryGrain>(registry.Value).Renew(renewals);
}
