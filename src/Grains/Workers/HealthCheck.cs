namespace WorkerMesh.Grains.Workers;

/// <summary>The active health check that a worker asks for.</summary>
[GenerateSerializer, Immutable, Alias("mesh.HealthCheck")]
public sealed record HealthCheck
{
    /// <summary>
    /// The path that is fetched below the worker's base URL; begins with '/'. Any 2xx answer is healthy.
    /// </summary>
    [Id(0)]
    public required string Path { get; init; }

    /// <summary>Time between two checks. Default 5 s.</summary>
    [Id(1)]
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time a check may take; at most the interval. Default 2 s.</summary>
    [Id(2)]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);
}
