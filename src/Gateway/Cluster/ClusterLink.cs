namespace WorkerMesh.Gateway.Cluster;

/// <summary>What this gateway knows of its connection to the silos.</summary>
internal sealed class ClusterLink
{
    private volatile bool connected;
    private volatile bool everConnected;
    private volatile bool stranded = true;
    private int silos;
    private TaskCompletionSource siloLost = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// Raised when a silo or the connection to it went, and when one came: what was announced meanwhile may be lost.
    /// </summary>
    public event Action? Disturbed;

    /// <summary>Whether the last thing that was heard of the cluster was good.</summary>
    public bool Connected => connected;

    /// <summary>Whether the cluster was ever reached: from then on the gateway can serve on what it knows.</summary>
    public bool EverConnected => everConnected;

    /// <summary>Whether there is no connection to any silo.</summary>
    public bool Stranded => stranded;

    /// <summary>How many silos this gateway is connected to; 0 where it hosts its own.</summary>
    public int Silos => Volatile.Read(ref silos);

    /// <summary>
    /// Ends when the connection to a silo goes. A call in flight through it would be answered by nobody: the Orleans
    /// client lets it run into its time-out.
    /// </summary>
    public Task SiloLost => Volatile.Read(ref siloLost).Task;

    /// <summary>A call was answered.</summary>
    public void Answered()
    {
        connected = true;
        everConnected = true;
        stranded = false;
    }

    /// <summary>The number of silos that this gateway is connected to changed.</summary>
    public void OnSilosChanged(int now, int before)
    {
        Volatile.Write(ref silos, now);
        stranded = now == 0;
        connected &= now > 0;
        Disturbed?.Invoke();
        if (now < before)
        {
            Interlocked.Exchange(ref siloLost, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        }
    }

    /// <summary>The cluster answers again.</summary>
    public void Regained()
    {
        Answered();
        Disturbed?.Invoke();
    }

    /// <summary>The cluster does not answer.</summary>
    public void Lost() => connected = false;
}
