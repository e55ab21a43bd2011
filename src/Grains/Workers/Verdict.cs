namespace WorkerMesh.Grains.Workers;

/// <summary>What a gateway found when it connected to a worker.</summary>
/// <param name="GatewayId">The gateway.</param>
/// <param name="Incarnation">The incarnation that it tried.</param>
/// <param name="Reached">Whether the worker answered; otherwise no URL of it could be connected to.</param>
[GenerateSerializer, Immutable, Alias("mesh.Verdict")]
public sealed record Verdict(string GatewayId, long Incarnation, bool Reached);
