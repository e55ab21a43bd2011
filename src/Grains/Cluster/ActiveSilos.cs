namespace WorkerMesh.Grains.Cluster;

/// <summary>The silos that take part.</summary>
internal static class ActiveSilos
{
    /// <summary>Those that this silo knows to be active, itself among them.</summary>
    public static IEnumerable<SiloAddress> FindActive(this IClusterMembershipService membership) =>
        membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status == SiloStatus.Active)
            .Select(member => member.SiloAddress);
}
