namespace WorkerMesh.Grains.Storage;

/// <summary>
/// Who was asked is not, or may not be, the owner of the worker any more: its silo was declared dead, or another
/// activation has written meanwhile. Nothing took effect; the call reaches the owner when it is made again.
/// </summary>
[GenerateSerializer, Alias("mesh.StaleOwnerException")]
public sealed class StaleOwnerException : Exception
{
    public StaleOwnerException()
    {
    }

    public StaleOwnerException(string message) : base(message)
    {
    }

    public StaleOwnerException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
