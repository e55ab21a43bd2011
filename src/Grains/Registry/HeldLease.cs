using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>A lease that a registry holds, and that a heartbeat would renew.</summary>
/// <param name="Number">Which of the heartbeats.</param>
/// <param name="Renewal">What the registry is to be told: what the heartbeat does not say is as it is there.</param>
/// <param name="Answer">What the worker is to hear then.</param>
/// <param name="ChangesState">Whether the worker is in another state then.</param>
internal readonly record struct HeldLease(int Number, Renewal Renewal, HeartbeatAnswer Answer, bool ChangesState);
