namespace WorkerMesh.Grains.Storage;

/// <summary>
/// The database did not answer. Whether a write took effect is unknown; nothing in memory was changed.
/// </summary>
[GenerateSerializer, Alias("mesh.StoreUnavailableException")]
public class StoreUnavailableException : Exception
{
    public StoreUnavailableException()
    {
    }

    public StoreUnavailableException(string message) : base(message)
    {
    }

    public StoreUnavailableException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
