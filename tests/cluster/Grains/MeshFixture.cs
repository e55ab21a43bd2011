using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans.TestingHost;
using WorkerMesh.Grains;
using WorkerMesh.Grains.Catalog;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Storage;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>
/// A cluster of silos in this process whose grains live on a clock that the test moves, over one shared store.
/// </summary>
internal sealed class MeshFixture : IAsyncDisposable
{
    private static readonly TimeSpan Nudge = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly string[] TimeProvidersOfSilos =
    [
        TimeProviderNames.Membership,
        TimeProviderNames.SystemTimers,
        TimeProviderNames.Messaging,
        TimeProviderNames.ActivationManagement,
        TimeProviderNames.GrainDirectory,
    ];

    private readonly InProcessTestCluster cluster;
    private readonly List<object> observers = [];

    private MeshFixture(
        int silos, MemoryWorkerStore store, FakeTimeProvider clock, Action<RegistryOptions> configure, bool alone)
    {
        (Store, Clock) = (store, clock);
        var builder = new InProcessTestClusterBuilder((short)silos);
        builder.ConfigureSilo((_, silo) =>
        {
            // Grain timers and the grains' own reading of time; never what the silos themselves run on.
            silo.Services.AddSingleton<TimeProvider>(clock);
            silo.Services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.Grains, clock);
            foreach (var ofSilo in TimeProvidersOfSilos)
            {
                silo.Services.AddKeyedSingleton(ofSilo, TimeProvider.System);
            }

            silo.Services.AddSingleton<IWorkerStore>(store);
            silo.Services.AddWorkerMeshGrains(alone);
            silo.Services.Configure<RegistryOptions>(o => o.RenewalInterval = TimeSpan.FromMilliseconds(50));
            silo.Services.Configure(configure);
        });
        cluster = builder.Build();
    }

    public MemoryWorkerStore Store { get; }

    public FakeTimeProvider Clock { get; }

    public IServiceCatalogGrain Catalog => cluster.Client.GetGrain<IServiceCatalogGrain>(0);

    public IWorkerListingGrain Listing => cluster.Client.GetGrain<IWorkerListingGrain>(0);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Starts a cluster; with the store and the clock of an earlier one, it is that one restarted.</summary>
    public static async Task<MeshFixture> Start(
        int silos = 2,
        Action<RegistryOptions>? configure = null,
        MeshFixture? after = null,
        bool alone = false)
    {
        var fixture = new MeshFixture(
            silos,
            after?.Store ?? new MemoryWorkerStore(),
            after?.Clock ?? new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero)),
            configure ?? (_ => { }),
            alone);
        await fixture.cluster.DeployAsync(Cancellation);
        return fixture;
    }

    /// <summary>One more.</summary>
    public async Task AddSilo()
    {
        await cluster.StartAdditionalSiloAsync();
        await cluster.WaitForLivenessToStabilizeAsync();
    }

    /// <summary>One less, which stops in order.</summary>
    public async Task StopSilo(int number)
    {
        await cluster.StopSiloAsync(cluster.Silos[number]);
        await cluster.WaitForLivenessToStabilizeAsync();
    }

    public IWorkerGrain Worker(string id) => cluster.Client.GetGrain<IWorkerGrain>(id);

    /// <summary>Those of the first silo.</summary>
    public IServiceProvider Services => cluster.GetSiloServiceProvider();

    public IServiceProvider ServicesAt(int silo) => cluster.GetSiloServiceProvider(Silo(silo));

    /// <summary>Of the silo that is alone.</summary>
    public DirectRegistrations Direct => Services.GetRequiredService<DirectRegistrations>();

    /// <summary>What the silo that is alone has in memory.</summary>
    public LiveWorkers Live => Services.GetRequiredService<LiveWorkers>();

    /// <summary>Of the first silo.</summary>
    public IHeartbeatsService Heartbeats => HeartbeatsAt(0);

    public IHeartbeatsService HeartbeatsAt(int silo) => SiloServices.HeartbeatsAt(cluster.Client, GatewayOf(silo));

    public SiloAddress Silo(int number) => cluster.Silos[number].SiloAddress;

    /// <summary>Of one of the silos.</summary>
    public IRegistrationsService Registrations => RegistrationsAt(0);

    public IRegistrationsService RegistrationsAt(int silo) =>
        SiloServices.RegistrationsAt(cluster.Client, GatewayOf(silo));

    /// <summary>How many worker grains are in memory.</summary>
    public async Task<int> CountWorkerGrains() => (await HomesOf(Worker("any"))).Count;

    /// <summary>The silo of each grain of the same kind that is in memory, by the grain's key.</summary>
    public async Task<SortedDictionary<string, SiloAddress>> HomesOf(IGrain kind)
    {
        var all = await cluster.Client.GetGrain<IManagementGrain>(0).GetDetailedGrainStatistics();
        return new(all
            .Where(grain => grain.GrainId.Type == kind.GetGrainId().Type)
            // One that moves is on both for a moment.
            .DistinctBy(grain => grain.GrainId)
            .ToDictionary(grain => grain.GrainId.Key.ToString()!, grain => grain.SiloAddress));
    }

    public IServiceRegistryGrain Registry(ServiceType type) =>
        cluster.Client.GetGrain<IServiceRegistryGrain>(type.Value);

    public Task<RegisterAnswer> Register(string id, params ServiceType[] services) =>
        Worker(id).Register(Sample.Registration(id, services), Guid.NewGuid(), null);

    /// <summary>The whole list of a registry, as a client without a version gets it.</summary>
    public async Task<InstanceChanges> List(ServiceType type)
    {
        var watcher = new WatcherProbe();
        var reference = Observe<IRegistryWatcher>(watcher);
        var list = await Registry(type).Watch(reference, null);
        await Registry(type).Unwatch(reference);
        return list;
    }

    /// <summary>Subscribes a probe that keeps a copy of the registry.</summary>
    public async Task<WatcherProbe> Watch(ServiceType type, RegistryVersion? known = null)
    {
        var watcher = new WatcherProbe();
        watcher.Begin(await Registry(type).Watch(Observe<IRegistryWatcher>(watcher), known));
        return watcher;
    }

    public T Observe<T>(T observer)
        where T : class, IGrainObserver
    {
        // The client itself holds observers weakly.
        observers.Add(observer);
        return cluster.Client.CreateObjectReference<T>(observer);
    }

    public async Task Deactivate(IGrain grain)
    {
        var gone = cluster.WaitForDeactivationAsync(grain);
        await cluster.DeactivateAsync(grain);
        await gone.WaitAsync(Patience, TimeProvider.System, Cancellation);
    }

    /// <summary>Moves the clock in steps, each with a moment for what became due to run.</summary>
    public async Task Advance(TimeSpan time, TimeSpan? step = null)
    {
        for (var left = time; left > TimeSpan.Zero;)
        {
            var next = left < (step ?? left) ? left : step ?? left;
            Clock.Advance(next);
            left -= next;
            await Breathe();
        }
    }

    /// <summary>Waits for a signal, while the clock goes on slowly: what is due soon has to become due.</summary>
    public async Task<T> Soon<T>(Task<T> signal, string what, Func<string>? actual = null)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!signal.IsCompleted)
        {
            Assert.True(
                TimeProvider.System.GetElapsedTime(started) < Patience,
                $"Expected soon: {what}. Actual: {actual?.Invoke() ?? "nothing"}.");
            Clock.Advance(Nudge);
            await Breathe();
        }

        return await signal;
    }

    /// <summary>Waits until the probe's copy of a registry is so.</summary>
    public Task<InstanceChanges> Soon(WatcherProbe watcher, string what, Func<WatcherProbe, bool> condition) =>
        Soon(watcher.Until(condition), what, watcher.ToString);

    /// <summary>For what is not announced: asks until the answer is so, while the clock goes on slowly.</summary>
    public async Task<T> Eventually<T>(Func<Task<T>> ask, Func<T, bool> condition, string expected)
    {
        var started = TimeProvider.System.GetTimestamp();
        for (; ; )
        {
            var answer = await ask();
            if (condition(answer))
            {
                return answer;
            }

            Assert.True(
                TimeProvider.System.GetElapsedTime(started) < Patience, $"Expected: {expected}. Actual: {answer}.");
            Clock.Advance(Nudge);
            await Breathe();
        }
    }

    public async ValueTask DisposeAsync() => await cluster.DisposeAsync();

    private static Task Breathe() => Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, Cancellation);

    private SiloAddress GatewayOf(int silo) => SiloAddress.New(cluster.Silos[silo].GatewayAddress.Endpoint, 0);
}
