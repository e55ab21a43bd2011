namespace WorkerMesh.Gateway.Cluster;

/// <summary>No silo answered in time. Whether a change took effect is unknown; repeating the request is safe.</summary>
public sealed class ClusterUnavailableException : Exception
{
    public ClusterUnavailableException()
    {
    }

    public ClusterUnavailableException(string message) : base(message)
    {
    }

    public ClusterUnavailableException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
