using WorkerMesh.Grains.Assignment;

namespace WorkerMesh.Tests.Cluster.Assignment;

/// <summary>
/// Looks for an order in which, one worker decided after the other, each gets what it was in fact given. The state after some
/// decisions depends only on how many workers of each kind (what they are, what they were given) are among them; so at each
/// point a kind is either right or not, and a state from which there was no way on need not be tried again.
/// </summary>
internal sealed class AssignmentOrder
{
    private readonly List<(WorkerProfile Profile, int[] Given)> kinds;
    private readonly int[] left;
    private readonly int[] healthyOf = new int[DefaultCatalog.Services.Count];
    private readonly int[] healthyInTier = new int[5];
    private readonly HashSet<string> deadEnds = [];

    private AssignmentOrder(IEnumerable<(WorkerProfile Profile, IEnumerable<string> Given)> workers)
    {
        var names = DefaultCatalog.Services.Select(s => s.Name).ToList();
        var groups = workers
            .Select(w => (w.Profile, Given: w.Given.Select(g => names.IndexOf(g)).ToArray()))
            .GroupBy(w => (w.Profile, string.Join(' ', w.Given)))
            .ToList();
        kinds = [.. groups.Select(g => g.First())];
        left = [.. groups.Select(g => g.Count())];
    }

    public static bool Exists(IEnumerable<(WorkerProfile Profile, IEnumerable<string> Given)> workers) =>
        new AssignmentOrder(workers).Continues();

    private bool Continues()
    {
        if (left.All(count => count == 0))
        {
            return true;
        }

        var state = string.Join(' ', left);
        if (deadEnds.Contains(state))
        {
            return false;
        }

        for (var kind = 0; kind < kinds.Count; kind++)
        {
            if (left[kind] > 0 && IsNext(kind))
            {
                Count(kind, +1);
                if (Continues())
                {
                    return true;
                }

                Count(kind, -1);
            }
        }

        deadEnds.Add(state);
        return false;
    }

    private bool IsNext(int kind)
    {
        var (profile, given) = kinds[kind];
        return AssignmentRule.Decide(DefaultCatalog.Services, profile, healthyOf, healthyInTier[profile.Tier])
            .SequenceEqual(given);
    }

    private void Count(int kind, int by)
    {
        left[kind] -= by;
        healthyInTier[kinds[kind].Profile.Tier] += by;
        foreach (var service in kinds[kind].Given)
        {
            healthyOf[service] += by;
        }
    }
}
