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
        [.. _workers.Where(w => w.Value is { Worker: not null, Uncertain: false }).Select(w => w.Key)];

    /// <summary>A call is made that may change this worker.</summary>
    /// <returns>Whether what was known of it until now is certain.</returns>
    public bool Changing(string id)
    {
        var before = _workers.GetValueOrDefault(id);
        _workers[id] = before with { Uncertain = true };
        return !before.Uncertain;
    }

    /// <summary>A registration was answered.</summary>
    public void OnRegistered(string id, ModelWorker worker)
    {
        Interlocked.Increment(ref _acknowledged);
        var before = _workers.GetValueOrDefault(id);
        if (worker.Incarnation <= before.Highest)
        {
            Breach($"{id} was acknowledged as incarnation {before.Highest}, and then registered as {worker}.");
        }

        _workers[id] = new(worker, false) { Highest = worker.Incarnation };
    }

    /// <summary>An unregistration was answered.</summary>
    /// <param name="id">The worker.</param>
    /// <param name="existed">Whether it was there.</param>
    /// <param name="certain">Whether no earlier call about it had an unknown outcome.</param>
    public void OnRemoved(string id, bool existed, bool certain)
    {
        var before = _workers.GetValueOrDefault(id);
        if (!existed && certain && before.Worker is { } lost)
        {
            Breach($"{id} was acknowledged as {lost}, and is unknown.");
        }

        _workers[id] = new(null, false) { Highest = before.Highest };
    }

    /// <summary>A drain, or that it is taken back, was answered.</summary>
    /// <param name="id">The worker.</param>
    /// <param name="incarnation">The one that the answer names; <see langword="null"/> where it is unknown.</param>
    /// <param name="draining">What was asked for.</param>
    /// <param name="certain">Whether no earlier call about it had an unknown outcome.</param>
    public void OnDrained(string id, long? incarnation, bool draining, bool certain)
    {
        if (!certain)
        {
            return;
        }

        var before = _workers.GetValueOrDefault(id);
        if (incarnation != before.Worker?.Incarnation)
        {
            Breach($"{id} was acknowledged as {before.Worker}, and drained as incarnation {incarnation}.");
        }

        _workers[id] = before with { Worker = before.Worker is { } worker ? worker with { Draining = draining } : null, Uncertain = false };
    }

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
            var workers = await WorkersAsync(gateway, prefix);
            List<string> differences =
            [
                .. Differences(workers, $"/api/workers at {gateway.Address}"),
                .. await ListDifferencesAsync(gateway, services, workers),
            ];
            if (differences.Count == 0 || clock.Elapsed > Settling)
            {
                differences.ForEach(Breach);
                return differences.Count;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    private IEnumerable<string> Differences(Dictionary<string, ModelWorker> workers, string where)
    {
        foreach (var id in _workers.Keys.Union(workers.Keys))
        {
            var known = _workers.GetValueOrDefault(id);
            var found = workers.GetValueOrDefault(id);
            // What is uncertain may be unregistered, or be registered with a later incarnation than is known.
            var right = known.Uncertain ? found is null || found.Incarnation >= known.Highest : found == known.Worker;
            if (!right)
            {
                yield return $"{id} must be {known}; {where} says {found?.ToString() ?? "nothing"}.";
            }
        }
    }

    /// <summary>Each list holds the workers that offer its service type, as they are registered now, and no others.</summary>
    private static async Task<IEnumerable<string>> ListDifferencesAsync(
        Api gateway, IReadOnlyList<string> services, Dictionary<string, ModelWorker> workers)
    {
        var lists = await Task.WhenAll(services.Select(s => gateway.GetAsync($"/api/services/{s}")));
        return services.Zip(lists).SelectMany(list =>
        {
            var listed = list.Second.Expect(200).Json.GetProperty("workers").EnumerateArray().ToDictionary(IdOf, ModelWorker.BriefOf);
            var expected = workers.Where(w => w.Value.Offers(list.First)).ToDictionary(w => w.Key, w => w.Value.Brief);
            return listed.Keys.Union(expected.Keys)
                .Where(id => listed.GetValueOrDefault(id) != expected.GetValueOrDefault(id))
                .Select(id => $"{id} must be {expected.GetValueOrDefault(id) ?? "nothing"}; /api/services/{list.First} at "
                    + $"{gateway.Address} says {listed.GetValueOrDefault(id) ?? "nothing"}.");
        });
    }

    private static async Task<Dictionary<string, ModelWorker>> WorkersAsync(Api gateway, string prefix)
    {
        var all = new Dictionary<string, ModelWorker>();
        for (string? next = ""; next is not null;)
        {
            var page = (await gateway.GetAsync($"/api/workers?limit=500{next}")).Expect(200).Json;
            foreach (var worker in page.GetProperty("workers").EnumerateArray()
                .Where(w => IdOf(w).StartsWith(prefix, StringComparison.Ordinal)))
            {
                all.Add(IdOf(worker), ModelWorker.Read(worker));
            }

            next = page.GetProperty("next").GetString() is { } after ? $"&after={after}" : null;
        }

        return all;
    }

    private static string IdOf(JsonElement worker) => worker.GetProperty("worker_id").GetString()!;

    /// <param name="Worker">As acknowledged last; <see langword="null"/>: not registered.</param>
    /// <param name="Uncertain">Whether a later call had an unknown outcome.</param>
    private readonly record struct Known(ModelWorker? Worker, bool Uncertain)
    {
        /// <summary>The highest incarnation that was ever acknowledged.</summary>
        public long Highest { get; init; }
    }
}
