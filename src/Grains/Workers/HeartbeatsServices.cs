namespace WorkerMesh.Grains.Workers;

/// <summary>Finds the <see cref="IHeartbeatsService"/> of a silo.</summary>
public static class HeartbeatsServices
{
    /// <summary>The prefix makes it what Orleans sends to a silo by its address, with no look-up and no placement.</summary>
    internal static readonly GrainType Type = GrainType.Create("sys.svc.user.mesh-heartbeats");

    /// <param name="grains">Makes the reference: of a client of the cluster.</param>
    /// <param name="silo">
    /// Where the silo listens for gateways. Where it is gone, the call fails, or another silo answers.
    /// </param>
    public static IHeartbeatsService At(IGrainFactory grains, SiloAddress silo) =>
        grains.GetGrain<IHeartbeatsService>(SystemTargetGrainId.Create(Type, silo).GrainId);
}
