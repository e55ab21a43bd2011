namespace WorkerMesh.Grains.Registry;

/// <summary>Which record of a worker a registry holds, or the store.</summary>
internal readonly record struct HeldRecord(long Incarnation, bool Draining)
{
    /// <summary>Whether what is stored is not what this says, and no earlier.</summary>
    public bool IsBehind(HeldRecord stored) =>
        Incarnation < stored.Incarnation || (Incarnation == stored.Incarnation && Draining != stored.Draining);
}
