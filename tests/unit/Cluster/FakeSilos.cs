using System.Collections.Immutable;
using System.Net;
using System.Reflection;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>Silos that renew the workers that a test gives them and register others, and note what they were asked.</summary>
public class FakeSilos : DispatchProxy
{
    private readonly Lock gate = new();

    /// <summary>What each silo has in memory, by the port that it listens at.</summary>
    public Dictionary<int, HashSet<string>> Workers { get; } = [];

    /// <summary>The service types of which each silo has the registry.</summary>
    public Dictionary<int, HashSet<string>> Registries { get; } = [];

    /// <summary>Whose leases the registries of each silo hold, by the port that it listens at.</summary>
    public Dictionary<int, HashSet<string>> Leases { get; } = [];

    /// <summary>The ports of silos that do not answer.</summary>
    public HashSet<int> Dead { get; } = [];

    /// <summary>Whether silos are of a version that has none of these services.</summary>
    public bool Old { get; set; }

    /// <summary>Whether the client has not reached a silo yet, and knows no grains.</summary>
    public bool Starting { get; set; }

    /// <summary>What silos wait for before they answer.</summary>
    public Task Held { get; set; } = Task.CompletedTask;

    /// <summary>Is released with each message, before what silos wait for.</summary>
    public SemaphoreSlim Begun { get; } = new(0);

    /// <summary>The incarnation floors that were said.</summary>
    public List<long> Floors { get; } = [];

    /// <summary>Which silo was asked for how many workers.</summary>
    public List<(int Silo, int Workers)> Messages { get; } = [];

    public static (IGrainFactory Factory, FakeSilos Silos) Create()
    {
        var factory = Create<IGrainFactory, FakeSilos>();
        return (factory, (FakeSilos)(object)factory);
    }

    public static SiloAddress Address(int port) => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, port), 0);

    /// <summary>What was asked since the last time, in order of the silos.</summary>
    public (int Silo, int Workers)[] TakeMessages()
    {
        lock (gate)
        {
            var taken = Messages.Order().ToArray();
            Messages.Clear();
            return taken;
        }
    }

    /// <summary>Waits until so many more messages have begun.</summary>
    public async Task BegunAsync(int messages)
    {
        for (var i = 0; i < messages; i++)
        {
            Assert.True(await Begun.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
        }
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        (targetMethod?.GetGenericArguments(), args) switch
        {
            ([var type], [GrainId id, ..]) when type == typeof(IHeartbeatsService)
                && SystemTargetGrainId.TryParse(id, out var target) => new Silo(this, target.GetSiloAddress().Endpoint.Port),
            ([var type], [GrainId id, ..]) when type == typeof(IRegistrationsService)
                && SystemTargetGrainId.TryParse(id, out var target) => new Silo(this, target.GetSiloAddress().Endpoint.Port),
            ([var type], [string, ..]) when type == typeof(IWorkerGrain) => Starting
                ? throw new ArgumentException("Could not find an implementation for the interface.")
                : null,
            _ => throw new NotSupportedException($"No fake of {targetMethod}."),
        };

    private ImmutableArray<HeartbeatAnswer?> Renew(int silo, ImmutableArray<WorkerHeartbeat> beats)
    {
        var answers = Answers(silo, beats, Workers);
        var first = Array.FindIndex(answers, answer => answer is not null);
        if (first >= 0)
        {
            answers[first] = answers[first]! with { Silo = Address(silo) };
        }

        return [.. answers];
    }

    private HeartbeatAnswer?[] Answers(int silo, ImmutableArray<WorkerHeartbeat> beats, Dictionary<int, HashSet<string>> known)
    {
        Note(silo, beats.Length);
        if (Old)
        {
            throw new OrleansException("No such service.");
        }

        if (Dead.Contains(silo))
        {
            throw new TimeoutException("The test's silo does not answer.");
        }

        var workers = known.GetValueOrDefault(silo) ?? [];
        return [.. beats.Select(beat => workers.Contains(beat.Id.Value)
            ? new HeartbeatAnswer(HeartbeatOutcome.Renewed, 1, WorkerState.Online, TimeSpan.FromSeconds(30), [])
            : null)];
    }

    private ImmutableArray<NewWorkerAnswer> Add(int silo, ImmutableArray<NewWorker> workers, long floor)
    {
        Note(silo, workers.Length, floor);
        return Old ? throw new OrleansException("No such service.") : Dead.Contains(silo)
            ? throw new TimeoutException("The test's silo does not answer.")
            : [.. workers.Select(w => new NewWorkerAnswer(
                null, w.Id.Value, HasRegistry: Registries.GetValueOrDefault(silo, []).Contains(w.Registration.RegistryKeys[0].Value)))];
    }

    /// <summary>Messages to several silos, and several to one, are answered side by side.</summary>
    private void Note(int silo, int workers, long? floor = null)
    {
        lock (gate)
        {
            Messages.Add((silo, workers));
            if (floor is { } said)
            {
                Floors.Add(said);
            }
        }
    }

    private Task BeginAsync()
    {
        var held = Held;
        Begun.Release();
        return held;
    }

    private sealed class Silo(FakeSilos silos, int port) : IHeartbeatsService, IRegistrationsService
    {
        public async Task<ImmutableArray<NewWorkerAnswer>> Add(ImmutableArray<NewWorker> workers, long floor)
        {
            await silos.BeginAsync();
            return silos.Add(port, workers, floor);
        }

        public async Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats)
        {
            await silos.BeginAsync();
            return silos.Renew(port, beats);
        }

        public async Task<ImmutableArray<HeartbeatAnswer?>> RenewInRegistries(ImmutableArray<WorkerHeartbeat> beats)
        {
            await silos.BeginAsync();
            // The version says which silo has answered.
            return [.. silos.Answers(port, beats, silos.Leases)
                .Select(answer => answer is null ? null : answer with { Versions = [new(ServiceType.ParseKey("ocr"), port, 1)] })];
        }

        /// <summary>What silos ask each other.</summary>
        public Task<RenewalAnswer?> RenewIfHere(ServiceType registry, ImmutableArray<Renewal> renewals) =>
            throw new NotSupportedException();
    }
}
