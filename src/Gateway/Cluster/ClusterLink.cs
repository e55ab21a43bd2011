namespace WorkerMesh.Gateway.Cluster;

/// <summary>What this gateway knows of its connection to the silos.</summary>
internal sealed class ClusterLink
{
    private volatile bool connected;
    private volatile bool everConnected;

    /// <summary>
    /// Raised when a silo or the connection to it went, and when one came: what was announced meanwhile may be lost.
    /// </summary>
    public event Action? Disturbed;

    /// <summary>Whether the last thing that was heard of the cluster was good.</summary>
    public bool Connected => connected;

    /// <summary>Whether the cluster was ever reached: from then on the gateway can serve on what it knows.</summary>
    public bool EverConnected => everConnected;

    /// <summary>A call was answered.</summary>
    public void Answered()
    {
        connected = true;
        everConnected = true;
    }

    /// <summary>Silos or connections changed.</summary>
    public void Disturb(bool lost)
    {
        if (lost)
        {
            connected = false;
        }

        Disturbed?.Invoke();
    }

    /// <summary>The cluster does not answer.</summary>
    public void Lost() => connected = false;
}
