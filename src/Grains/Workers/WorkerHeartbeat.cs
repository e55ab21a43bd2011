using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>One of the heartbeats of many workers.</summary>
/// <param name="Id">Whose it is.</param>
/// <param name="Beat">What it says.</param>
[GenerateSerializer, Immutable, Alias("mesh.WorkerHeartbeat")]
public readonly record struct WorkerHeartbeat(WorkerId Id, Heartbeat Beat);
