namespace WorkerMesh.Grains.Storage;

/// <summary>
/// The database did not answer. Whether a write took effect is unknown; nothing in memory was changed.
/// </summary>
public sealed class StoreUnavailableException : Exception
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

    /// <summary>
    /// Whether the operation waited in the queue until its time was up and was not begun: nothing took effect.
    /// </summary>
    public bool NotBegun { get; init; }
}

/// <summary>
/// How it crosses processes: without the inner exception. Those of the driver can't be serialized, and an answer that
/// can't be serialized is none.
/// </summary>
[GenerateSerializer, Immutable, Alias("mesh.StoreUnavailable")]
internal readonly record struct StoreUnavailableSurrogate(string Message, bool NotBegun);

[RegisterConverter]
internal sealed class StoreUnavailableConverter : IConverter<StoreUnavailableException, StoreUnavailableSurrogate>
{
    public StoreUnavailableException ConvertFromSurrogate(in StoreUnavailableSurrogate surrogate) =>
        new(surrogate.Message) { NotBegun = surrogate.NotBegun };

    public StoreUnavailableSurrogate ConvertToSurrogate(in StoreUnavailableException value) =>
        new(value.Message, value.NotBegun);
}
