using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>Keeps a copy of a registry from what is pushed, and tells when it has become so.</summary>
internal sealed class WatcherProbe : IRegistryWatcher
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<WorkerId, InstanceChange> copy = [];
    private readonly List<InstanceChanges> pushes = [];
    private readonly List<(Func<WatcherProbe, bool> Condition, TaskCompletionSource<InstanceChanges> Met)> waiting = [];
    private long version;

    /// <summary>The answer that the watch began with.</summary>
    public InstanceChanges First { get; private set; } = null!;

    /// <summary>The version that the copy shows.</summary>
    public RegistryVersion Known => new(First.ServiceType, First.Epoch, version);

    public IReadOnlyList<InstanceChanges> Pushes
    {
        get
        {
            lock (gate)
            {
                return [.. pushes];
            }
        }
    }

    public InstanceChange? this[string id]
    {
        get
        {
            lock (gate)
            {
                return copy.GetValueOrDefault(WorkerId.Parse(id));
            }
        }
    }

    public int Count
    {
        get
        {
            lock (gate)
            {
                return copy.Count;
            }
        }
    }

    public int CountIn(WorkerState state)
    {
        lock (gate)
        {
            return copy.Values.Count(c => c.State == state);
        }
    }

    public void Begin(InstanceChanges first)
    {
        First = first;
        Apply(first);
    }

    public Task OnChanges(InstanceChanges changes)
    {
        lock (gate)
        {
            pushes.Add(changes);
        }

        Apply(changes);
        return Task.CompletedTask;
    }

    /// <summary>The push, or first answer, after which the copy is so.</summary>
    public Task<InstanceChanges> Until(Func<WatcherProbe, bool> condition)
    {
        lock (gate)
        {
            if (condition(this))
            {
                return Task.FromResult(pushes.LastOrDefault() ?? First);
            }

            var met = new TaskCompletionSource<InstanceChanges>(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.Add((condition, met));
            return met.Task;
        }
    }

    public override string ToString()
    {
        lock (gate)
        {
            var workers = copy.Values.Select(c => $"{c.Id}#{c.Incarnation} {c.State} load {c.Load}");
            return $"version {version}, {pushes.Count} pushes: {string.Join(", ", workers)}";
        }
    }

    private void Apply(InstanceChanges changes)
    {
        lock (gate)
        {
            if (changes.IsFull)
            {
                copy.Clear();
            }

            foreach (var change in changes.Changes)
            {
                if (change.Removed)
                {
                    copy.Remove(change.Id);
                }
                else
                {
                    copy[change.Id] = change;
                }
            }

            version = changes.To;
            foreach (var waiter in waiting.Where(w => w.Condition(this)).ToList())
            {
                waiting.Remove(waiter);
                waiter.Met.SetResult(changes);
            }
        }
    }
}
