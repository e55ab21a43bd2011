namespace WorkerMesh.Grains.Workers;

/// <summary>Finds the services that each silo has one of.</summary>
public static class SiloServices
{
    // The prefix makes them what Orleans sends to a silo by its address, with no look-up and no placement.
    internal static readonly GrainType Heartbeats = GrainType.Create("sys.svc.user.mesh-heartbeats");
    internal static readonly GrainType Registrations = GrainType.Create("sys.svc.user.mesh-registrations");

    /// <param name="grains">Makes the reference: of a client of the cluster.</param>
    /// <param name="silo">
    /// Where the silo listens for gateways. Where it is gone, the call fails, or another silo answers.
    /// </param>
    public static IHeartbeatsService HeartbeatsAt(IGrainFactory grains, SiloAddress silo) =>
        grains.GetGrain<IHeartbeatsService>(SystemTargetGrainId.Create(Heartbeats, silo).GrainId);

    /// <inheritdoc cref="HeartbeatsAt"/>
    public static IRegistrationsService RegistrationsAt(IGrainFactory grains, SiloAddress silo) =>
        grains.GetGrain<IRegistrationsService>(SystemTargetGrainId.Create(Registrations, silo).GrainId);
}
