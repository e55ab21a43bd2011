namespace WorkerMesh.Grains.Assignment;

/// <summary>Which services a worker that names none is given.</summary>
internal static class AssignmentRule
{
    /// <summary>
    /// Fewest healthy workers first, then priority, then the catalog's order. A gpu worker gets every eligible service
    /// that has no healthy worker, or the first one where all are covered. Another worker gets one service where its
    /// tier has at least as many healthy workers as there are eligible services, two where at least half as many, else
    /// up to three.
    /// </summary>
    /// <param name="catalog">The services to assign.</param>
    /// <param name="worker">The worker.</param>
    /// <param name="healthyOf">Healthy workers of each service of the catalog, without this one.</param>
    /// <param name="healthyInTier">
    /// Healthy workers of the worker's tier that serve something of the catalog, without this one.
    /// </param>
    /// <returns>Indexes into the catalog, in the order of preference.</returns>
    public static IReadOnlyList<int> Decide(
        IReadOnlyList<AssignableService> catalog, WorkerProfile worker, IReadOnlyList<int> healthyOf, int healthyInTier)
    {
        var eligible = Enumerable.Range(0, catalog.Count)
            .Where(i => worker.Fits(catalog[i].Requires))
            .OrderBy(i => healthyOf[i])
            .ThenBy(i => catalog[i].Priority)
            .ThenBy(i => i)
            .ToList();
        if (worker.Type == WorkerProfile.Gpu)
        {
            var gaps = eligible.Where(i => healthyOf[i] == 0).ToList();
            return gaps.Count > 0 ? gaps : [.. eligible.Take(1)];
        }

        var count = healthyInTier >= eligible.Count ? 1 : healthyInTier * 2 >= eligible.Count ? 2 : 3;
        return [.. eligible.Take(count)];
    }
}
