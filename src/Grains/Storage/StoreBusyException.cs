namespace WorkerMesh.Grains.Storage;

/// <summary>The operation waited in the queue until its time was up and was not begun: nothing took effect.</summary>
[GenerateSerializer, Alias("mesh.StoreBusyException")]
public sealed class StoreBusyException : StoreUnavailableException
{
    public StoreBusyException()
    {
    }

    public StoreBusyException(string message) : base(message)
    {
    }

    public StoreBusyException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
