using System.Collections.Frozen;
using System.Text.Json;

namespace WorkerMesh.Grains.Assignment;

/// <summary>What a worker's capabilities say of what it can be assigned.</summary>
/// <param name="Type">gpu, cpu, storage or edge.</param>
/// <param name="Tier">1 to 4.</param>
public readonly record struct WorkerProfile(string Type, int Tier)
{
    public const string Gpu = "gpu";
    public const string Cpu = "cpu";
    public const string Storage = "storage";
    public const string Edge = "edge";

    /// <summary>The types there are.</summary>
    public static readonly FrozenSet<string> Types = [Gpu, Cpu, Storage, Edge];

    /// <summary>
    /// gpu if <c>has_gpu</c> or <c>worker_type</c> say so; else edge if <c>has_edge</c>, <c>has_public_ip</c> or
    /// <c>worker_type</c>; else storage if <c>has_storage</c> or <c>worker_type</c>; else cpu. A cpu worker that does
    /// not say so by <c>worker_type</c> is of tier 3, as in the first system.
    /// </summary>
    /// <param name="capabilities">A JSON object.</param>
    public static WorkerProfile Of(string capabilities)
    {
        using var document = JsonDocument.Parse(capabilities);
        var root = document.RootElement;
        var named = root.TryGetProperty("worker_type", out var type) && type.ValueKind == JsonValueKind.String
            ? type.GetString()
            : null;
        return Says(root, "has_gpu") || named == Gpu ? new(Gpu, 1)
            : Says(root, "has_edge") || Says(root, "has_public_ip") || named == Edge ? new(Edge, 4)
            : Says(root, "has_storage") || named == Storage ? new(Storage, 3)
            : new(Cpu, named == Cpu ? 2 : 3);
    }

    /// <summary>Whether a worker of this type may be assigned what requires that type.</summary>
    public bool Fits(string requires) => requires == Type || (Type == Gpu && requires == Cpu);

    private static bool Says(JsonElement root, string name) => root.TryGetProperty(name, out var value) && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.Number => value.GetDouble() != 0,
        JsonValueKind.String => value.GetString() is { Length: > 0 } text && !text.Equals("false", StringComparison.OrdinalIgnoreCase),
        _ => false,
    };
}
