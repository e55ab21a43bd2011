using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>What is stored of a worker: all that survives a restart of the whole cluster.</summary>
/// <param name="Id">The worker.</param>
/// <param name="Incarnation">Number of this registration; a higher one supersedes a lower.</param>
/// <param name="Registration">What the worker said about itself.</param>
/// <param name="Draining">Whether an operator took it out of routing.</param>
/// <param name="OperationId">The operation that wrote it, so that repeating it gives the first answer again.</param>
/// <param name="Replaced">Whether that operation replaced an earlier registration.</param>
/// <param name="RegisteredAt">When it was registered, UTC.</param>
[GenerateSerializer, Immutable, Alias("mesh.WorkerRecord")]
public sealed record WorkerRecord(
    WorkerId Id,
    long Incarnation,
    Registration Registration,
    bool Draining,
    Guid OperationId,
    bool Replaced,
    DateTimeOffset RegisteredAt);
