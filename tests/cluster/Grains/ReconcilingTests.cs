using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Cluster.Grains;

/// <summary>What a silo stored, and told no registry before it went, is found out by the registries of the others.</summary>
public sealed class ReconcilingTests : IAsyncLifetime
{
    private static readonly ServiceType[] Types = [.. Enumerable.Range(0, 12).Select(i => ServiceType.ParseKey($"type-{i}"))];
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start();

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task What_a_silo_that_has_gone_told_nobody_is_told_after_it()
    {
        await KnowEachOther();
        foreach (var type in Types)
        {
            foreach (var what in (string[])["moves", "goes", "replaced", "drains", "stays"])
            {
                await mesh.Register($"{type}-{what}", type);
            }
        }

        // Both silos have some of the registries; those of the one that stops read the store when they come back.
        Assert.Equal(2, (await mesh.HomesOf(mesh.Registry(Types[0]))).Values.Distinct().Count());
        foreach (var (type, i) in Types.Select((type, i) => (type, i)))
        {
            await Store($"{type}-moves", record => Next(record, Types[(i + 1) % Types.Length]));
            await Store($"{type}-goes", _ => null);
            await Store($"{type}-replaced", record => Next(record, type));
            await Store($"{type}-drains", record => record with { Draining = true });
            mesh.Store.Poke(WorkerId.Parse($"{type}-comes"), Sample.Record($"{type}-comes", 1000, type));
        }

        await mesh.StopSilo(1);
        await mesh.Advance(3 * Step, Step);

        foreach (var (type, i) in Types.Select((type, i) => (type, i)))
        {
            var before = Types[(i + Types.Length - 1) % Types.Length];
            await mesh.Eventually(
                async () => string.Join(' ', (await mesh.List(type)).Changes.OrderBy(c => c.Id).Select(c => $"{c.Id}:{c.Incarnation}:{c.State}")),
                list => list == string.Join(' ', ((string[])[
                    $"{type}-comes:1000:Online",
                    $"{type}-drains:{mesh.Store.Peek(WorkerId.Parse($"{type}-drains"))!.Incarnation}:Draining",
                    $"{type}-replaced:{mesh.Store.Peek(WorkerId.Parse($"{type}-replaced"))!.Incarnation}:Online",
                    $"{type}-stays:{mesh.Store.Peek(WorkerId.Parse($"{type}-stays"))!.Incarnation}:Online",
                    $"{before}-moves:{mesh.Store.Peek(WorkerId.Parse($"{before}-moves"))!.Incarnation}:Online"])
                    .OrderBy(text => WorkerId.Parse(text.Split(':')[0]))),
                $"{type} is as it is stored");
        }
    }

    [Fact]
    public async Task It_is_looked_again_where_the_store_does_not_answer()
    {
        await KnowEachOther();
        foreach (var type in Types)
        {
            await mesh.Register($"{type}-goes", type);
            await Store($"{type}-goes", _ => null);
        }

        mesh.Store.Failing = StoreOperation.ReadPage;
        await mesh.StopSilo(1);
        await mesh.Advance(10 * Step, Step);
        mesh.Store.Failing = null;
        await mesh.Advance(6 * Step, Step);

        foreach (var type in Types)
        {
            await mesh.Eventually(() => mesh.List(type), list => list.Changes.IsEmpty, $"{type} is empty");
        }
    }

    /// <summary>The silos look who is there.</summary>
    private Task KnowEachOther() => mesh.Advance(2 * Step, Step);

    /// <summary>Writes what the worker's grain would have, on a silo that goes before it tells anybody.</summary>
    private async Task Store(string id, Func<WorkerRecord, WorkerRecord?> change)
    {
        await mesh.Deactivate(mesh.Worker(id));
        mesh.Store.Poke(WorkerId.Parse(id), change(mesh.Store.Peek(WorkerId.Parse(id))!));
    }

    private static WorkerRecord Next(WorkerRecord record, ServiceType type) => record with
    {
        Incarnation = record.Incarnation + 1,
        OperationId = Guid.NewGuid(),
        Registration = record.Registration with { Services = [type] },
    };
}
