using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Threading.Channels;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Workers;

/// <summary>Registries and workers that note what they are told and answer when the test says so.</summary>
public class FakeGrains : DispatchProxy
{
    private readonly ConcurrentDictionary<string, Registry> registries = new();

    /// <summary>Which worker was told that which registry does not know it.</summary>
    public Channel<(string Id, ServiceType Key)> Rejoins { get; } = Channel.CreateUnbounded<(string, ServiceType)>();

    /// <summary>What each silo answers to renewals, whatever the registry; null where it does not have it.</summary>
    public Dictionary<SiloAddress, Func<ImmutableArray<Renewal>, Task<RenewalAnswer?>>> Silos { get; } = [];

    public static (IGrainFactory Factory, FakeGrains Grains) Create()
    {
        var factory = Create<IGrainFactory, FakeGrains>();
        return (factory, (FakeGrains)(object)factory);
    }

    public Registry Of(ServiceType type) => registries.GetOrAdd(type.Value, _ => new());

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        (targetMethod?.GetGenericArguments(), args) switch
        {
            ([var type], [string key, ..]) when type == typeof(IServiceRegistryGrain) => Of(ServiceType.ParseKey(key)),
            ([var type], [string key, ..]) when type == typeof(IWorkerGrain) => new Worker(key, Rejoins.Writer),
            ([var type], [GrainId id, ..]) when type == typeof(IHeartbeatsService)
                && SystemTargetGrainId.TryParse(id, out var target) => new Silo(Silos[target.GetSiloAddress()]),
            _ => throw new NotSupportedException($"No fake of {targetMethod}."),
        };

    /// <summary>A message with renewals that waits for its answer.</summary>
    /// <param name="renewals">What it holds.</param>
    public sealed class Message(ImmutableArray<Renewal> renewals)
    {
        private readonly TaskCompletionSource<RenewalAnswer> answer =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ImmutableArray<Renewal> Renewals => renewals;

        public IEnumerable<string> Ids => renewals.Select(r => r.Id.Value);

        public Task<RenewalAnswer> Answer => answer.Task;

        public void Succeed(long version = 1, params WorkerId[] unknown) =>
            answer.SetResult(new(new(ServiceType.None, Epoch: 1, version), [.. unknown]));

        public void Fail() => answer.SetException(new TimeoutException("The test's registry does not answer."));
    }

    /// <summary>A message about who joins or leaves, that waits for its answer.</summary>
    /// <param name="changes">What it holds.</param>
    /// <param name="isBatch">Whether it may hold several.</param>
    public sealed class Membership(ImmutableArray<MembershipChange> changes, bool isBatch)
    {
        private readonly TaskCompletionSource<RegistryVersion> answer =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsBatch => isBatch;

        /// <summary>As +a@1 for what joins and -a@1 for what leaves.</summary>
        public string Text => string.Join(
            ' ', changes.Select(c => $"{(c.Joining is null ? '-' : '+')}{c.Id}@{c.Joining?.Record.Incarnation ?? c.Incarnation}"));

        public Task<RegistryVersion> Answer => answer.Task;

        public void Succeed(long version) => answer.SetResult(new(ServiceType.None, Epoch: 1, version));

        public void Fail() => answer.SetException(new TimeoutException("The test's registry does not answer."));
    }

    public sealed class Registry : IServiceRegistryGrain
    {
        private readonly Channel<Message> messages = Channel.CreateUnbounded<Message>();
        private readonly Channel<Membership> memberships = Channel.CreateUnbounded<Membership>();

        public bool IsQuiet => messages.Reader.Count == 0;

        /// <summary>Whether nothing comes for a moment, in which what was started by mistake arrives.</summary>
        public async Task<bool> StaysQuiet()
        {
            var cancellation = TestContext.Current.CancellationToken;
            var message = messages.Reader.WaitToReadAsync(cancellation).AsTask();
            var moment = Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancellation);
            return await Task.WhenAny(message, moment) == moment;
        }

        public Task<Message> Next() => messages.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask()
            .WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, TestContext.Current.CancellationToken);

        public Task<RenewalAnswer> Renew(ImmutableArray<Renewal> renewals)
        {
            var message = new Message(renewals);
            messages.Writer.TryWrite(message);
            return message.Answer;
        }

        /// <summary>The next message about who joins or leaves; null where none is there.</summary>
        public Membership? NextMembership() => memberships.Reader.TryRead(out var message) ? message : null;

        public async Task<Membership> AwaitMembership() =>
            await memberships.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask()
                .WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, TestContext.Current.CancellationToken);

        public Task<RegistryVersion> Join(Joining joining) =>
            Note([new(joining.Record.Id, joining.Record.Incarnation, joining)], isBatch: false);

        public Task<RegistryVersion> Leave(WorkerId id, long incarnation) =>
            Note([new(id, incarnation, null)], isBatch: false);

        public Task<RegistryVersion> JoinOrLeave(ImmutableArray<MembershipChange> changes) =>
            Note(changes, isBatch: true);

        public Task<InstanceChanges> Watch(IRegistryWatcher watcher, RegistryVersion? known) =>
            throw new NotSupportedException();

        public Task Unwatch(IRegistryWatcher watcher) => throw new NotSupportedException();

        public Task<bool> IsSuspected(WorkerId id, long incarnation) => throw new NotSupportedException();

        public Task<InstanceChanges> Changes(RegistryVersion? known) => throw new NotSupportedException();

        public Task<TimeSpan?> HeardAgo(WorkerId id, long incarnation) => Task.FromResult<TimeSpan?>(null);

        public Task<ImmutableArray<Heard>> LastHeard() => throw new NotSupportedException();

        public Task<ServiceReport> Count() => throw new NotSupportedException();

        private Task<RegistryVersion> Note(ImmutableArray<MembershipChange> changes, bool isBatch)
        {
            var message = new Membership(changes, isBatch);
            memberships.Writer.TryWrite(message);
            return message.Answer;
        }
    }

    private sealed class Silo(Func<ImmutableArray<Renewal>, Task<RenewalAnswer?>> renew) : IHeartbeatsService
    {
        public async Task<RenewalAnswer?> RenewIfHere(ServiceType registry, ImmutableArray<Renewal> renewals) => await renew(renewals);

        public Task<ImmutableArray<HeartbeatAnswer?>> Renew(ImmutableArray<WorkerHeartbeat> beats) =>
            throw new NotSupportedException();

        public Task<ImmutableArray<HeartbeatAnswer?>> RenewInRegistries(ImmutableArray<WorkerHeartbeat> beats) =>
            throw new NotSupportedException();
    }

    private sealed class Worker(string id, ChannelWriter<(string Id, ServiceType Key)> rejoins) : IWorkerGrain
    {
        public Task Rejoin(ServiceType registryKey)
        {
            rejoins.TryWrite((id, registryKey));
            return Task.CompletedTask;
        }

        public Task<long> Basis() => throw new NotSupportedException();

        public Task<RegisterAnswer> Register(
            Registration registration, Guid operationId, long? expectedIncarnation, bool assign, long? basis, bool guessed) =>
            throw new NotSupportedException();

        public Task<HeartbeatAnswer> Heartbeat(Heartbeat beat) => throw new NotSupportedException();

        public Task Judge(Verdict verdict) => throw new NotSupportedException();

        public Task<RegisterAnswer?> SetDraining(bool draining, long? basis) => throw new NotSupportedException();

        public Task<RegisterAnswer?> Unregister(long? basis) => throw new NotSupportedException();

        public Task<WorkerDescription?> Describe() => throw new NotSupportedException();

        public Task FindOut() => throw new NotSupportedException();

        public Task ForgetIfExpired(ServiceType registryKey, long incarnation) => throw new NotSupportedException();
    }
}
