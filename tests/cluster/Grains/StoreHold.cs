namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>Keeps the operations of one kind waiting until it is released.</summary>
/// <param name="end">Lets later operations pass.</param>
internal sealed class StoreHold(Action end) : IDisposable
{
    private readonly TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the first operation waits here.</summary>
    public Task Entered => entered.Task;

    public Task Enter()
    {
        entered.TrySetResult();
        return released.Task;
    }

    public void Dispose()
    {
        end();
        released.TrySetResult();
    }
}
