using Orleans.Concurrency;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// One worker, keyed by its id: the only writer of its record, but for the first
/// (<see cref="IRegistrationsService"/>). Where the store does not answer, methods throw
/// <see cref="Storage.StoreUnavailableException"/> and change nothing; heartbeats need the store only once, when the
/// grain was not in memory.
/// </summary>
[Alias("mesh.IWorkerGrain")]
public interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>
    /// What is stored, for the changes below: the incarnation, or where nothing is, the bitwise complement of the
    /// incarnation floor. A change that is based on what was so earlier is refused with <see
    /// cref="Storage.StaleOwnerException"/>. So a copy of a call that arrives late, from a silo or a connection that
    /// hung while the call was made again, can't undo what came after it.
    /// </summary>
    [AlwaysInterleave, Alias("Basis")]
    Task<long> Basis();

    /// <summary>Registers the worker, or replaces its registration. Answered once it is stored.</summary>
    /// <param name="registration">What the worker says about itself.</param>
    /// <param name="operationId">Repeating a call with the same id gives the first answer again.</param>
    /// <param name="expectedIncarnation">Refuse if a higher incarnation than this one is stored.</param>
    /// <param name="assign">
    /// Have the catalog assign the services, by the capabilities, in place of those in the registration.
    /// </param>
    /// <param name="basis">What <see cref="Basis"/> said; null where the caller makes no call twice.</param>
    /// <param name="guessed">
    /// The basis is what the caller thinks <see cref="Basis"/> would say, from what was so at some time. Where it is
    /// wrong the answer is <see cref="RegisterOutcome.Misjudged"/>, with what the basis follows from.
    /// </param>
    [Alias("Register")]
    Task<RegisterAnswer> Register(
        Registration registration,
        Guid operationId,
        long? expectedIncarnation,
        bool assign = false,
        long? basis = null,
        bool guessed = false);

    /// <summary>Renews the lease. Not held up by a registration that waits for the store.</summary>
    [AlwaysInterleave, Alias("Heartbeat")]
    Task<HeartbeatAnswer> Heartbeat(Heartbeat beat);

    /// <summary>
    /// A gateway can't connect to the worker, or reached it: makes the others avoid it for a while, or no longer. On an
    /// incarnation that is not current it is ignored.
    /// </summary>
    [AlwaysInterleave, Alias("Judge")]
    Task Judge(Verdict verdict);

    /// <summary>Takes the worker out of routing, or back in. Null where it is unknown.</summary>
    [Alias("SetDraining")]
    Task<RegisterAnswer?> SetDraining(bool draining, long? basis = null);

    /// <summary>Removes the worker; null where it was unknown.</summary>
    [Alias("Unregister")]
    Task<RegisterAnswer?> Unregister(long? basis = null);

    /// <summary>All that is known of the worker; null where it is unknown.</summary>
    [AlwaysInterleave, Alias("Describe")]
    Task<WorkerDescription?> Describe();

    /// <summary>
    /// What was written of the worker beside this grain had no answer: find out whether it took effect, and tell the registries.
    /// </summary>
    [OneWay, Alias("FindOut")]
    Task FindOut();

    /// <summary>A registry does not know this worker: tell it, if it should.</summary>
    [OneWay, Alias("Rejoin")]
    Task Rejoin(ServiceType registryKey);

    /// <summary>
    /// A registry has had the worker offline for long: remove the record if that is so, or set the registry right.
    /// </summary>
    [OneWay, Alias("ForgetIfExpired")]
    Task ForgetIfExpired(ServiceType registryKey, long incarnation);
}
