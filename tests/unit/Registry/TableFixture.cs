using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

/// <summary>A table with a clock in its hand, and the questions that tests ask of it.</summary>
internal sealed class TableFixture(RegistryOptions? options = null)
{
    public const long Epoch = 77;
    public const long FirstVersion = 1000;

    public InstanceTable Table { get; } = new(Sample.Ocr, Epoch, FirstVersion, options ?? new());

    public TimeSpan Now { get; set; } = TimeSpan.FromHours(1);

    public long Version => Table.Version.Version;

    /// <summary>How many changes an action makes.</summary>
    public long Changes(Action action)
    {
        var before = Version;
        action();
        return Version - before;
    }

    public void Join(string id, long incarnation = 1, TimeSpan? lease = null, bool draining = false, double load = 0) =>
        Table.Join(Sample.Joining(Sample.Record(id, incarnation, lease, draining), load), Now);

    /// <summary>As where it is all that is known that the worker was stored.</summary>
    public void JoinFirst(string id, long incarnation = 1) =>
        Table.Join(Sample.Joining(Sample.Record(id, incarnation)) with { IsFirst = true }, Now);

    public void JoinMany(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Join(Sample.Name(i));
        }
    }

    public bool Renew(
        string id, long incarnation = 1, bool degraded = false, double load = 0, TimeSpan heardAgo = default) =>
        Table.Renew(Sample.Renewal(id, incarnation, degraded, load, heardAgo), Now);

    public void Leave(string id, long incarnation = 1) => Table.Leave(WorkerId.Parse(id), incarnation);

    public IReadOnlyList<string> ExpireAfter(TimeSpan time)
    {
        Now += time;
        return [.. Table.Expire(Now).Select(i => i.Id.Value)];
    }

    public InstanceChanges Since(long version, long epoch = Epoch) =>
        Table.ChangesSince(new(Sample.Ocr, epoch, version));

    public InstanceChanges All() => Table.ChangesSince(null);

    public InstanceChange? Find(string id) => All().Changes.SingleOrDefault(c => c.Id.Value == id);

    public WorkerState StateOf(string id) =>
        Find(id)?.State ?? throw new InvalidOperationException($"'{id}' is not in the table.");

    public StateCounts Recount()
    {
        var counts = default(StateCounts);
        foreach (var change in All().Changes)
        {
            counts = counts.Move(change.State, 1);
        }

        return counts;
    }
}
