namespace WorkerMesh.Grains.Registry;

/// <summary>
/// The instances in the order of their last change, so that the changes since a version are the tail of the list: the
/// cost of asking is the size of the answer, not of the service. Removals stay in the list until too many newer ones
/// follow.
/// </summary>
internal sealed class ChangeList(int removalsRemembered)
{
    private readonly Queue<Instance> removals = new();
    private Instance? oldest;
    private Instance? newest;

    /// <summary>Changes before this version can no longer be told apart: a removal has been dropped.</summary>
    public long CompleteSince { get; private set; }

    /// <summary>Moves or adds an instance to the end.</summary>
    public void Touch(Instance instance)
    {
        Unlink(instance);
        instance.Older = newest;
        instance.Newer = null;
        if (newest is not null)
        {
            newest.Newer = instance;
        }

        newest = instance;
        oldest ??= instance;
    }

    /// <summary>Notes that an instance that was just touched is a removal.</summary>
    /// <returns>A removal that is no longer remembered because of it, or null.</returns>
    public Instance? Remember(Instance removal)
    {
        removals.Enqueue(removal);
        if (removals.Count <= removalsRemembered)
        {
            return null;
        }

        var dropped = removals.Dequeue();
        Unlink(dropped);
        CompleteSince = Math.Max(CompleteSince, dropped.Version);
        return dropped;
    }

    /// <summary>The instances that changed after a version, oldest first.</summary>
    public List<Instance> Since(long version)
    {
        var changed = new List<Instance>();
        for (var instance = newest; instance is not null && instance.Version > version; instance = instance.Older)
        {
            changed.Add(instance);
        }

        changed.Reverse();
        return changed;
    }

    private void Unlink(Instance instance)
    {
        if (instance.Older is null && instance.Newer is null && oldest != instance)
        {
            return;
        }

        if (instance.Older is null)
        {
            oldest = instance.Newer;
        }
        else
        {
            instance.Older.Newer = instance.Newer;
        }

        if (instance.Newer is null)
        {
            newest = instance.Older;
        }
        else
        {
            instance.Newer.Older = instance.Older;
        }

        instance.Older = instance.Newer = null;
    }
}
