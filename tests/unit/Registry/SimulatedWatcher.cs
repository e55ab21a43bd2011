using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Tests.Unit.Registry;

/// <summary>Keeps a copy of a table as a gateway does: from nothing but the changes since the version it has.</summary>
internal sealed class SimulatedWatcher
{
    public SortedDictionary<string, InstanceChange> Copy { get; } = new(StringComparer.Ordinal);

    public RegistryVersion? Known { get; set; }

    public int FullLists { get; private set; }

    public int Differences { get; private set; }

    public void Catch(InstanceTable table)
    {
        var changes = table.ChangesSince(Known);
        Assert.Equal(table.Version.Version, changes.To);
        if (changes.IsFull)
        {
            Copy.Clear();
            FullLists++;
        }
        else
        {
            Assert.Equal(Known!.Value.Version, changes.From);
            Assert.Equal(changes.Changes.Select(c => c.Version).Order(), changes.Changes.Select(c => c.Version));
            Assert.All(changes.Changes, c => Assert.InRange(c.Version, changes.From + 1, changes.To));
            Differences++;
        }

        foreach (var change in changes.Changes)
        {
            Apply(change, changes.IsFull);
        }

        Known = table.Version;
    }

    private void Apply(InstanceChange change, bool isFull)
    {
        var id = change.Id.Value;
        if (change.Removed)
        {
            Assert.False(isFull, "A whole list names no removals.");
            Copy.Remove(id);
            return;
        }

        var had = Copy.GetValueOrDefault(id);
        var lacksRegistration = had is null || had.Incarnation < change.Incarnation;
        Assert.Equal(lacksRegistration, change.Registration is not null);
        Copy[id] = change with { Registration = change.Registration ?? had!.Registration };
    }
}
