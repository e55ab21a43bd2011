using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Placement;
using Orleans.Utilities;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Time;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// Loads an <see cref="InstanceTable"/>, feeds it what it is told, and announces what changed. Its own silo tells it
/// without a call (<see cref="LocalRegistries"/>), from any thread: what both use is under one lock.
/// </summary>
[HashBasedPlacement]
internal sealed partial class ServiceRegistryGrain : Grain, IServiceRegistryGrain
{
    /// <summary>
    /// How long after the last call it is told without one: the next call keeps it in memory, where it would else be
    /// taken for idle. And after how long it leaves, where nobody ever joined it.
    /// </summary>
    private static readonly TimeSpan ToldAfterCall = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private readonly IWorkerStore store;
    private readonly TimeProvider clock;
    private readonly RegistryOptions options;
    private readonly LocalRegistries here;
    private readonly ILogger<ServiceRegistryGrain> logger;
    private readonly ObserverManager<IRegistryWatcher> watchers;
    private ServiceType serviceType;
    private InstanceTable? table;
    private TimeSpan calledAt;
    private bool left;

    public ServiceRegistryGrain(
        IWorkerStore store,
        TimeProvider clock,
        IOptions<RegistryOptions> options,
        LocalRegistries here,
        ILogger<ServiceRegistryGrain> logger)
    {
        this.here = here;
        this.store = store;
        this.clock = clock;
        this.options = options.Value;
        this.logger = logger;
        watchers = new(this.options.WatchExpiry, logger) { GetDateTime = clock.ElapsedDate };
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        serviceType = ServiceType.ParseKey(this.GetPrimaryKeyString());
        announceAlarm = new(this, clock, AnnounceNow);
        expiryAlarm = new(this, clock, Expire);
        reportAlarm = new(this, clock, ReportToCatalog, interleave: true);
        unusedAlarm = new(this, clock, LeaveIfUnused);
        here.Enter(serviceType, this);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        here.Leave(serviceType, this);
        lock (gate)
        {
            left = true;
        }

        return Task.CompletedTask;
    }

    /// <summary>What <see cref="JoinOrLeave"/> does, of one worker, without a call.</summary>
    /// <param name="change">Says what is true, and is asked when nothing else can be told meanwhile.</param>
    /// <returns>Null, with nothing changed, where it has to be called.</returns>
    internal RegistryVersion? TryTell(Func<MembershipChange> change)
    {
        lock (gate)
        {
            return MayBeTold() ? Apply([change()]) : null;
        }
    }

    /// <summary>What <see cref="Renew(ImmutableArray{Renewal})"/> does, without a call.</summary>
    /// <returns>Null, with nothing changed, where it has to be called.</returns>
    internal RenewalAnswer? TryRenew(ImmutableArray<Renewal> renewals)
    {
        lock (gate)
        {
            return MayBeTold() ? Apply(renewals) : null;
        }
    }

    /// <summary>The leases that heartbeats would renew here; none where it is not known yet what is.</summary>
    internal IReadOnlyList<HeldLease> LeasesOf(ImmutableArray<WorkerHeartbeat> beats)
    {
        lock (gate)
        {
            return table is null || left ? [] : table.LeasesOf(beats, clock.Elapsed());
        }
    }

    /// <summary>Which record it holds of each worker; null where it is not known yet.</summary>
    internal Dictionary<WorkerId, HeldRecord>? Held()
    {
        lock (gate)
        {
            return left ? null : table?.Held();
        }
    }

    public Task<RegistryVersion> Join(Joining joining) =>
        JoinOrLeave([new(joining.Record.Id, joining.Record.Incarnation, joining)]);

    public async Task<RenewalAnswer> Renew(ImmutableArray<Renewal> renewals)
    {
        await Load();
        lock (gate)
        {
            return Apply(renewals);
        }
    }

    public Task<RegistryVersion> Leave(WorkerId id, long incarnation) => JoinOrLeave([new(id, incarnation, null)]);

    public async Task<RegistryVersion> JoinOrLeave(ImmutableArray<MembershipChange> changes)
    {
        await Load();
        lock (gate)
        {
            return Apply(changes.AsSpan());
        }
    }

    public async Task<InstanceChanges> Watch(IRegistryWatcher watcher, RegistryVersion? known)
    {
        var instances = await Load();
        lock (gate)
        {
            watchers.Subscribe(watcher, watcher);
            return instances.ChangesSince(known);
        }
    }

    public Task Unwatch(IRegistryWatcher watcher)
    {
        lock (gate)
        {
            watchers.Unsubscribe(watcher);
        }

        return Task.CompletedTask;
    }

    public Task<bool> IsSuspected(WorkerId id, long incarnation) => Read(instances => instances.IsSuspected(id, incarnation));

    public Task<InstanceChanges> Changes(RegistryVersion? known) => Read(instances => instances.ChangesSince(known));

    public Task<TimeSpan?> HeardAgo(WorkerId id, long incarnation) =>
        Read(instances => instances.HeardAgo(id, incarnation, clock.Elapsed()));

    public Task<ImmutableArray<Heard>> LastHeard() => Read(instances => instances.LastHeard(clock.Elapsed()));

    public Task<ServiceReport> Count() => Read(instances => instances.Report);

    private async Task<T> Read<T>(Func<InstanceTable, T> read)
    {
        var instances = await Load();
        lock (gate)
        {
            return read(instances);
        }
    }

    private bool MayBeTold() => table is not null && !left && clock.Elapsed() - calledAt < ToldAfterCall;

    private RegistryVersion Apply(ReadOnlySpan<MembershipChange> changes)
    {
        var now = clock.Elapsed();
        foreach (var change in changes)
        {
            if (change.Joining is { } joining)
            {
                table!.Join(joining, now);
            }
            else
            {
                table!.Leave(change.Id, change.Incarnation);
            }
        }

        return Changed(table!);
    }

    private RenewalAnswer Apply(ImmutableArray<Renewal> renewals)
    {
        var now = clock.Elapsed();
        var unknown = ImmutableArray.CreateBuilder<WorkerId>();
        foreach (var renewal in renewals)
        {
            if (!table!.Renew(renewal, now))
            {
                unknown.Add(renewal.Id);
            }
        }

        return new(Changed(table!), unknown.DrainToImmutable());
    }
}
