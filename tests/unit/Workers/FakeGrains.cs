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

    public static (IGrainFactory Factory, FakeGrains Grains) Create()
    {
        var factory = Create<IGrainFactory, FakeGrains>();
        return (factory, (FakeGrains)(object)factory);
    }

    public Registry Of(ServiceType type) => registries.GetOrAdd(type.Value, _ => new());

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod?.GetGenericArguments() is [var type] && args is [string key, ..]
            ? type == typeof(IServiceRegistryGrain) ? Of(ServiceType.ParseKey(key))
            : type == typeof(IWorkerGrain) ? new Worker(key, Rejoins.Writer)
            : throw new NotSupportedException($"No fake of {type}.")
            : throw new NotSupportedException($"No fake of {targetMethod}.");

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

    public sealed class Registry : IServiceRegistryGrain
    {
        private readonly Channel<Message> messages = Channel.CreateUnbounded<Message>();

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

        public Task<RegistryVersion> Join(Joining joining) => throw new NotSupportedException();

        public Task<RegistryVersion> Leave(WorkerId id, long incarnation) => throw new NotSupportedException();

        public Task<RegistryVersion> JoinOrLeave(ImmutableArray<MembershipChange> changes) =>
            throw new NotSupportedException();

        public Task<InstanceChanges> Watch(IRegistryWatcher watcher, RegistryVersion? known) =>
            throw new NotSupportedException();

        public Task Unwatch(IRegistryWatcher watcher) => throw new NotSupportedException();

        public Task<bool> IsSuspected(WorkerId id, long incarnation) => throw new NotSupportedException();

        public Task<InstanceChanges> Changes(RegistryVersion? known) => throw new NotSupportedException();

        public Task<ImmutableArray<Heard>> LastHeard() => throw new NotSupportedException();

        public Task<ServiceReport> Count() => throw new NotSupportedException();
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

        public Task ForgetIfExpired(ServiceType registryKey, long incarnation) => throw new NotSupportedException();
    }
}
