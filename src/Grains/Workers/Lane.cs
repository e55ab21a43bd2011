namespace WorkerMesh.Grains.Workers;

/// <summary>What goes from this silo to one registry. Where it is not used it retires, and takes nothing from then on.</summary>
internal abstract class Lane
{
    private bool used = true;
    private bool retired;

    protected Lock Gate { get; } = new();

    /// <summary>Whether anything is on its way, or to be sent. Asked within the lock.</summary>
    protected abstract bool IsBusy { get; }

    /// <summary>Whether it has retired, because it was not used since it was asked last.</summary>
    public bool TryRetire()
    {
        lock (Gate)
        {
            retired |= !used && !IsBusy;
            used = false;
            return retired;
        }
    }

    /// <summary>To be called within the lock before it takes anything; false where it has retired.</summary>
    protected bool TryUse() => !retired && (used = true);
}
