using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Registry;

/// <summary>What a registry must hold, said plainly: everything is looked at again for each answer.</summary>
internal sealed class NaiveModel(RegistryOptions options)
{
    /// <summary>The last removals, with the highest incarnation that is known to be gone.</summary>
    private readonly List<(string Id, long Incarnation)> removals = [];

    public SortedDictionary<string, Entry> Entries { get; } = new(StringComparer.Ordinal);

    /// <summary>How many changes there were.</summary>
    public long Changes { get; private set; }

    public void Join(WorkerRecord record, in Renewal renewal, TimeSpan now)
    {
        var id = record.Id.Value;
        if (GoneUpTo(id) >= record.Incarnation
            || (Entries.TryGetValue(id, out var entry) && entry.Incarnation > record.Incarnation))
        {
            return;
        }

        var leaseEnd = now - renewal.HeardAgo + record.Registration.Lease;
        var isNew = !Entries.ContainsKey(id);
        if (isNew || Entries[id].Incarnation < record.Incarnation)
        {
            Entries[id] = new(record.Incarnation, record.Registration, leaseEnd)
            {
                Lapsed = isNew ? leaseEnd <= now : Entries[id].Lapsed,
                LapsedAt = isNew ? null : Entries[id].LapsedAt,
                Suspected = !isNew && Entries[id].Suspected,
            };
        }

        Entries[id].Draining = record.Draining;
        Hear(Entries[id], renewal, leaseEnd, now);
    }

    public bool Renew(in Renewal renewal, TimeSpan now)
    {
        var id = renewal.Id.Value;
        if (!Entries.TryGetValue(id, out var entry))
        {
            return GoneUpTo(id) >= renewal.Incarnation;
        }

        if (entry.Incarnation == renewal.Incarnation)
        {
            Hear(entry, renewal, now - renewal.HeardAgo + entry.Registration.Lease, now);
        }

        return entry.Incarnation >= renewal.Incarnation;
    }

    public void Leave(string id, long incarnation)
    {
        if (!Entries.TryGetValue(id, out var entry))
        {
            var last = removals.FindLastIndex(r => r.Id == id);
            if (last >= 0)
            {
                removals[last] = (id, Math.Max(removals[last].Incarnation, incarnation));
            }
        }
        else if (entry.Incarnation <= incarnation)
        {
            Entries.Remove(id);
            Changes++;
            removals.Add((id, incarnation));
            if (removals.Count > options.RemovalsRemembered)
            {
                removals.RemoveAt(0);
            }
        }
    }

    public void Expire(TimeSpan now)
    {
        foreach (var entry in Entries.Values.Where(e => !e.Lapsed && e.LeaseEnd <= now))
        {
            entry.Lapsed = true;
            entry.LapsedAt = now;
        }

        var together = Entries.Values.Where(e => now - e.LapsedAt <= options.MassExpiryWindow).ToList();
        var leased = Entries.Values.Count(e => !e.Lapsed) + together.Count;
        if (leased >= options.MassExpiryMinimum && together.Count > options.MassExpiryShare * leased)
        {
            together.ForEach(e => e.Suspected = true);
        }

        foreach (var entry in Entries.Values)
        {
            Settle(entry);
        }
    }

    public StateCounts Count() =>
        Entries.Values.Aggregate(default(StateCounts), (counts, e) => counts.Move(e.State, 1));

    private long GoneUpTo(string id) => removals.Where(r => r.Id == id).Select(r => r.Incarnation).LastOrDefault();

    private void Hear(Entry entry, in Renewal renewal, TimeSpan leaseEnd, TimeSpan now)
    {
        entry.Degraded = renewal.Degraded;
        entry.Load = renewal.Load;
        entry.LeaseEnd = leaseEnd > entry.LeaseEnd ? leaseEnd : entry.LeaseEnd;
        if (entry.LeaseEnd > now)
        {
            entry.Lapsed = entry.Suspected = false;
            entry.LapsedAt = null;
        }

        Settle(entry);
    }

    private void Settle(Entry entry)
    {
        var state = WorkerLifecycle.StateOf(!entry.Lapsed, entry.Suspected, entry.Draining, entry.Degraded);
        if (entry.Announced && state == entry.State && Math.Abs(entry.Load - entry.AnnouncedLoad) < options.LoadStep)
        {
            return;
        }

        (entry.Announced, entry.State, entry.AnnouncedLoad) = (true, state, entry.Load);
        Changes++;
    }

    /// <param name="incarnation">Its incarnation.</param>
    /// <param name="registration">Its registration.</param>
    /// <param name="leaseEnd">When its lease ends.</param>
    public sealed class Entry(long incarnation, Registration registration, TimeSpan leaseEnd)
    {
        public long Incarnation { get; } = incarnation;

        public Registration Registration { get; } = registration;

        public TimeSpan LeaseEnd { get; set; } = leaseEnd;

        public bool Draining { get; set; }

        public bool Degraded { get; set; }

        public double Load { get; set; }

        public double AnnouncedLoad { get; set; }

        public bool Lapsed { get; set; }

        public TimeSpan? LapsedAt { get; set; }

        public bool Suspected { get; set; }

        public bool Announced { get; set; }

        public WorkerState State { get; set; }
    }
}
