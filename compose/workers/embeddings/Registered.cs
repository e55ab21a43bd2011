using System.Text.Json;

namespace WorkerMesh.Examples.Embeddings;

/// <summary>What the mesh answers to a registration, as far as this worker needs it.</summary>
internal sealed record Registered(string WorkerId, double HeartbeatSeconds);

internal static class SnakeCase
{
    public static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
}
