namespace WorkerMesh.Tests.Unit.Hosting;

/// <summary>What yields on the test's thread goes on when it is let: so whether it has yielded does not depend on other threads.</summary>
internal sealed class HeldTurns : SynchronizationContext, IDisposable
{
    private readonly SynchronizationContext? before = Current;
    private readonly Queue<Action> held = new();

    public HeldTurns() => SetSynchronizationContext(this);

    public override void Post(SendOrPostCallback d, object? state) => held.Enqueue(() => d(state));

    public void Run()
    {
        while (held.TryDequeue(out var turn))
        {
            turn();
        }
    }

    public void Dispose() => SetSynchronizationContext(before);
}
