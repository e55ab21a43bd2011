namespace WorkerMesh.Silo.Hosting;

/// <summary>The process can't run as it is configured; the message says what to change.</summary>
public sealed class MeshConfigurationException : Exception
{
    public MeshConfigurationException()
    {
    }

    public MeshConfigurationException(string message) : base(message)
    {
    }

    public MeshConfigurationException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
