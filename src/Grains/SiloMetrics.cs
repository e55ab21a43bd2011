namespace WorkerMesh.Grains;

/// <summary>Where the instruments of a silo are.</summary>
public static class SiloMetrics
{
    public const string MeterName = "WorkerMesh.Silo";
}
