namespace WorkerMesh.Grains.Storage;

/// <summary>
/// The store cannot be used as it is and waiting does not help: a damaged file, missing rights, a schema newer than
/// this program. The message says what to do.
/// </summary>
public sealed class StoreUnusableException : Exception
{
    public StoreUnusableException()
    {
    }

    public StoreUnusableException(string message) : base(message)
    {
    }

    public StoreUnusableException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
