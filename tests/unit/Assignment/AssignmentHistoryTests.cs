using System.Collections.Immutable;
using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Workers;
using static WorkerMesh.Tests.Unit.Assignment.LedgerFixture;

namespace WorkerMesh.Tests.Unit.Assignment;

/// <summary>Random histories: each decision must be the rule's over a count from scratch.</summary>
public sealed class AssignmentHistoryTests
{
    private const int Steps = 600;
    private static readonly string[] Capabilities = [Gpu, Cpu, StorageWorker, Edge, Plain];
    private static readonly TimeSpan PromiseLife = TimeSpan.FromSeconds(30);

    private readonly LedgerFixture mesh = new();
    private readonly Dictionary<string, Known> workers = [];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Decisions_are_those_of_a_count_from_scratch(int seed)
    {
        var random = new Random(seed);
        for (var step = 0; step < Steps; step++)
        {
            mesh.Now += TimeSpan.FromSeconds(random.NextDouble());
            var id = $"w{random.Next(12)}";
            switch (random.Next(10))
            {
                case < 3:
                    Assign(id, Capabilities[random.Next(Capabilities.Length)]);
                    break;
                case < 6:
                    Join(id);
                    break;
                case < 8:
                    Turn(id, (WorkerState)random.Next(4), random);
                    break;
                case 8:
                    Remove(id, random);
                    break;
                default:
                    Reload(DefaultCatalog.Services[random.Next(DefaultCatalog.Services.Count)].Name);
                    break;
            }
        }
    }

    private void Assign(string id, string capabilities)
    {
        var profile = WorkerProfile.Of(capabilities);
        var others = workers.Where(w => w.Key != id).Select(w => w.Value).ToList();
        var decided = AssignmentRule.Decide(
            DefaultCatalog.Services,
            profile,
            [.. DefaultCatalog.Services.Select(s => others.Count(w => Serves(w, s.Name)))],
            others.Count(w => w.Tier == profile.Tier && DefaultCatalog.Services.Any(s => Serves(w, s.Name))));
        var expected = decided.Select(i => DefaultCatalog.Services[i].Name).ToImmutableHashSet();

        Assert.Equal(expected.Order(), mesh.Assign(id, capabilities).Split(' ').Order());

        workers[id] = workers.GetValueOrDefault(id, Known.Nothing) with
        {
            Capabilities = capabilities,
            Tier = profile.Tier,
            Promised = expected,
            PromisedUntil = mesh.Now + PromiseLife,
        };
    }

    /// <summary>Its registration gets through: where it was promised something it joins, elsewhere it leaves.</summary>
    private void Join(string id)
    {
        if (workers.GetValueOrDefault(id) is not { Promised.IsEmpty: false } known)
        {
            return;
        }

        foreach (var dropped in known.States.Keys.Except(known.Promised))
        {
            mesh.Remove(id, dropped);
        }

        foreach (var service in known.Promised)
        {
            mesh.Show(id, known.Capabilities, service);
        }

        workers[id] = known with
        {
            States = known.Promised.ToImmutableDictionary(s => s, _ => WorkerState.Online),
            Promised = [],
        };
    }

    private void Turn(string id, WorkerState state, Random random)
    {
        if (workers.GetValueOrDefault(id) is { States.IsEmpty: false } known)
        {
            var service = known.States.Keys.ElementAt(random.Next(known.States.Count));
            mesh.Turn(id, service, state);
            workers[id] = known with
            {
                States = known.States.SetItem(service, state),
                Promised = known.Promised.Remove(service),
            };
        }
    }

    private void Remove(string id, Random random)
    {
        if (workers.GetValueOrDefault(id) is { States.IsEmpty: false } known)
        {
            var service = known.States.Keys.ElementAt(random.Next(known.States.Count));
            mesh.Remove(id, service);
            workers[id] = known with
            {
                States = known.States.Remove(service),
                Promised = known.Promised.Remove(service),
            };
        }
    }

    /// <summary>The registry comes back, and has lost half of its workers.</summary>
    private void Reload(string service)
    {
        var held = workers.Where(w => w.Value.States.ContainsKey(service)).OrderBy(w => w.Key).ToList();
        var (kept, lost) = (held[..((held.Count + 1) / 2)], held[((held.Count + 1) / 2)..]);
        mesh.ShowWhole(
            service, [.. kept.Select(w => Change(w.Key, w.Value.States[service], w.Value.Capabilities))]);
        foreach (var (id, known) in kept)
        {
            workers[id] = known with { Promised = known.Promised.Remove(service) };
        }

        foreach (var (id, known) in lost)
        {
            workers[id] = known with { States = known.States.Remove(service) };
        }
    }

    private bool Serves(Known worker, string service) => worker.States.TryGetValue(service, out var state)
        ? state is WorkerState.Online or WorkerState.Degraded
        : worker.Promised.Contains(service) && mesh.Now < worker.PromisedUntil;

    private sealed record Known(
        string Capabilities,
        int Tier,
        ImmutableDictionary<string, WorkerState> States,
        ImmutableHashSet<string> Promised,
        TimeSpan PromisedUntil)
    {
        public static readonly Known Nothing = new(
            "", 0, ImmutableDictionary<string, WorkerState>.Empty, [], TimeSpan.Zero);
    }
}
