using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Cluster;

/// <summary>A silo as the home of workers (<see cref="WorkerHomes"/>), from when it was learned of until it is lost.</summary>
/// <param name="silo">Where it listens for gateways.</param>
internal sealed class SiloHome(SiloAddress silo)
{
    private volatile bool lost;

    public SiloAddress Silo => silo;

    /// <summary>Who takes heartbeats there, once it was asked.</summary>
    public IHeartbeatsService? Heartbeats { get; set; }

    /// <summary>Whether it did not answer. Written by <see cref="WorkerHomes"/>.</summary>
    public bool Lost
    {
        get => lost;
        set => lost = value;
    }
}
