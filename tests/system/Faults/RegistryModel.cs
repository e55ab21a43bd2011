using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace WorkerMesh.Tests.System.Faults;

/// <summary>
/// What the registry must say, from what it acknowledged. Where an answer was lost or refused it may have taken effect
/// or not; everything else is exact. Breaches are collected, and are never excused by an outage.
/// </summary>
public sealed class RegistryModel
{
    /// <summary>
    /// A push that is lost is made up for by the gateway's next question, after 4 s at most, and where that is lost too by
    /// the one after it, once it has timed out.
    /// </summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(12);

    private readonly ConcurrentDictionary<string, Known> _workers = new();
    private readonly ConcurrentBag<string> _breaches = [];
    private int _acknowledged;

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    public IReadOnlyCollection<string> Breaches => _breaches;

    /// <summary>The ids of which it is certain that they are registered.</summary>
    public IReadOnlyCollection<string> Registered =>
        [.. _workers.Where(w => w.Value is { Incarnation: > 0, Uncertain: false }).Select(w => w.Key)];

    /// <summary>A call is made that may change this worker.</summary>
    public void Changing(string id) => _workers.AddOrUpdate(
        id, new Known(0, true), (_, known) => known with { Uncertain = true });

    /// <summary>A registration was answered.</summary>
    public void OnRegistered(string id, long incarnation)
    {
        Interlocked.Increment(ref _acknowledged);
        var before = _workers.GetValueOrDefault(id);
        if (incarnation <= before.Highest)
        {
            Breach($"{id} was acknowledged as incarnation {before.Highest}, and then registered as {incarnation}.");
        }

        _workers[id] = new(incarnation, false) { Highest = incarnation };
    }

    /// <summary>An unregistration was answered.</summary>
    /// <param name="id">The worker.</param>
    /// <param name="existed">Whether it was there.</param>
    /// <param name="certain">Whether no earlier call about it had an unknown outcome.</param>
    public void OnRemoved(string id, bool existed, bool certain)
    {
        var before = _workers.GetValueOrDefault(id);
        if (!existed && certain && before.Incarnation > 0)
        {
            Breach($"{id} was acknowledged as incarnation {before.Incarnation}, and is unknown.");
        }

        _workers[id] = new(0, false) { Highest = before.Highest };
    }

    /// <summary>Whether what is known of it is certain.</summary>
    public bool IsCertain(string id) => !_workers.GetValueOrDefault(id).Uncertain;

    public void Breach(string what) => _breaches.Add(what);

    /// <summary>
    /// Compares all that a gateway lists, in both of its lists, with what must be so. Nothing may be under way. A change
    /// is told to gateways within moments, so what differs has some to come right.
    /// </summary>
    /// <returns>How many differences there are; they are breaches.</returns>
    public async Task<int> CompareAsync(Api gateway, string prefix, IReadOnlyList<string> services)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            List<string> differences =
            [
                .. Differences(await PagesAsync(gateway, prefix), $"/api/workers at {gateway.Address}"),
                .. Differences(await ListsAsync(gateway, services), $"/api/services at {gateway.Address}"),
            ];
            if (differences.Count == 0 || clock.Elapsed > Settling)
            {
                differences.ForEach(Breach);
                return differences.Count;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    private IEnumerable<string> Differences(IEnumerable<JsonElement> listed, string where)
    {
        var incarnations = listed.ToDictionary(
            w => w.GetProperty("worker_id").GetString()!, w => w.GetProperty("incarnation").GetInt64());
        foreach (var id in _workers.Keys.Union(incarnations.Keys))
        {
            var known = _workers.GetValueOrDefault(id);
            var found = incarnations.GetValueOrDefault(id);
            // What is uncertain may be unregistered, or be registered with a later incarnation than is known.
            var right = known.Uncertain ? found == 0 || found >= known.Highest : found == known.Incarnation;
            if (!right)
            {
                yield return $"{id} must be {known}; {where} says {found}.";
            }
        }
    }

    private static async Task<IEnumerable<JsonElement>> ListsAsync(Api gateway, IReadOnlyList<string> services)
    {
        var lists = await Task.WhenAll(services.Select(s => gateway.GetAsync($"/api/services/{s}")));
        // Where a registration moved a worker to another service type, no list may hold it beside the new one.
        return lists.SelectMany(list => list.Expect(200).Json.GetProperty("workers").EnumerateArray());
    }

    private static async Task<List<JsonElement>> PagesAsync(Api gateway, string prefix)
    {
        var all = new List<JsonElement>();
        for (string? next = ""; next is not null;)
        {
            var page = (await gateway.GetAsync($"/api/workers?limit=500{next}")).Expect(200).Json;
            all.AddRange(page.GetProperty("workers").EnumerateArray()
                .Where(w => w.GetProperty("worker_id").GetString()!.StartsWith(prefix, StringComparison.Ordinal)));
            next = page.GetProperty("next").GetString() is { } after ? $"&after={after}" : null;
        }

        return all;
    }

    /// <param name="Incarnation">The one acknowledged last; 0: not registered.</param>
    /// <param name="Uncertain">Whether a later call had an unknown outcome.</param>
    private readonly record struct Known(long Incarnation, bool Uncertain)
    {
        /// <summary>The highest that was ever acknowledged.</summary>
        public long Highest { get; init; }
    }
}
