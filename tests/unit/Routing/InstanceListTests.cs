using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Workers;
using Instance = WorkerMesh.Gateway.Routing.Instance;

namespace WorkerMesh.Tests.Unit.Routing;

/// <summary>Lists of instances that change piece by piece, held against ones that are made anew.</summary>
public sealed class InstanceListTests
{
    [Fact]
    public void A_list_that_changes_at_random_holds_what_a_plain_one_does_and_copies_of_before_do_not_change()
    {
        var random = new Random(7);
        var (list, plain) = (InstanceList.Empty, new List<Instance>());
        var before = new List<(InstanceList List, Instance[] Held)>();
        for (var step = 0; step < 8000; step++)
        {
            // Grows over several pieces, then shrinks to nothing again.
            if (plain.Count == 0 || random.Next(100) < (step < 4000 ? 80 : 20))
            {
                var added = Sample.Instance($"w{step}");
                list = list.Add(added);
                plain.Add(added);
            }
            else
            {
                var place = random.Next(plain.Count);
                list = list.RemoveAt(place);
                (plain[place], plain[^1]) = (plain[^1], plain[place]);
                plain.RemoveAt(plain.Count - 1);
            }

            Assert.Equal(plain.Count, list.Length);
            if (step % 200 == 0)
            {
                Assert.Equal(plain, list);
                Assert.Equal(plain, Enumerable.Range(0, list.Length).Select(i => list[i]));
                before.Add((list, [.. plain]));
            }
        }

        Assert.All(before, b => Assert.Equal(b.Held, b.List));
    }

    [Fact]
    public void A_route_that_changes_at_random_has_each_worker_once_in_the_tier_of_its_state()
    {
        var random = new Random(11);
        var route = Sample.Route(new());
        var states = new Dictionary<string, WorkerState>();
        route.Apply(Sample.Changes(0, 1), isAnswer: true);
        for (var version = 2; version < 2000; version++)
        {
            var id = $"w{random.Next(400)}";
            var state = (WorkerState)random.Next(4);
            var change = !states.ContainsKey(id) ? Sample.Joined(id, version, state)
                : random.Next(4) == 0 ? Sample.Removed(id, version)
                : Sample.Changed(id, version, state);
            Assert.True(route.Apply(Sample.Changes(version - 1, version, change), isAnswer: false));
            if (change.Removed)
            {
                states.Remove(id);
            }
            else
            {
                states[id] = state;
            }
        }

        var snapshot = route.Snapshot!;
        Assert.Equal(states.Count, snapshot.All.Length);
        Assert.Equal(
            states.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => (s.Key, s.Value)),
            snapshot.All.Select(i => (i.Link.Id.Value, i.Info.State)).OrderBy(i => i.Value, StringComparer.Ordinal));
        Assert.Equal([WorkerState.Online, WorkerState.Degraded], snapshot.Tiers.Select(t => t[0].Info.State));
        Assert.All(snapshot.Tiers, tier => Assert.Single(tier.Select(i => i.Info.State).Distinct()));
        Assert.All(snapshot.Unrouted, i => Assert.False(i.Info.State.IsHealthy()));
    }
}
