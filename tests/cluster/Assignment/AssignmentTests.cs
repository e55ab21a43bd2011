using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;
using WorkerMesh.Tests.Cluster.Grains;

namespace WorkerMesh.Tests.Cluster.Assignment;

/// <summary>Workers that name no services, over three silos.</summary>
public sealed class AssignmentTests : IAsyncLifetime
{
    private const string Gpu = """{"has_gpu": true}""";
    private const int Workers = 50;

    private static readonly string[] Capabilities =
    [
        Gpu, """{"worker_type": "cpu"}""", """{"has_storage": true}""", """{"has_public_ip": true}""", "{}",
    ];

    private MeshFixture mesh = null!;

    public async ValueTask InitializeAsync() => mesh = await MeshFixture.Start(silos: 3);

    public ValueTask DisposeAsync() => mesh.DisposeAsync();

    [Fact]
    public async Task What_many_get_that_register_at_once_is_what_they_would_get_one_after_the_other()
    {
        var answers = await Task.WhenAll(
            Enumerable.Range(0, Workers).Select(i => Register($"w{i}", Capabilities[i % Capabilities.Length])));

        Assert.True(
            AssignmentOrder.Exists(answers.Select(a =>
                (WorkerProfile.Of(a.Record.Registration.Capabilities), ServicesOf(a)))),
            string.Join('\n', answers.Select(a => $"{a.Record.Registration.Capabilities}: {string.Join(' ', ServicesOf(a))}")));
        await ShowsInRegistries(answers);
    }

    [Fact]
    public async Task Each_gap_is_filled_once_by_gpu_workers_that_register_at_once()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, Workers).Select(i => Register($"w{i}", Gpu)));

        Assert.Equal(
            ["llm-inference", "vision-ocr", "rag-embeddings", "ner-extraction", "document-processing", "notes-coa"],
            ServicesOf(Assert.Single(answers, a => a.Record.Registration.Services.Length > 1)));
        // 6 to the first and one to each other: the 55 are spread evenly.
        var counts = answers.SelectMany(ServicesOf).CountBy(s => s).Select(s => s.Value).Order();
        Assert.Equal([9, 9, 9, 9, 9, 10], counts);
        await ShowsInRegistries(answers);
    }

    [Fact]
    public async Task The_same_registration_again_gets_the_same_services()
    {
        var operation = Guid.NewGuid();
        var first = await Register("a", Gpu, operation);
        Assert.Equal(6, first.Record.Registration.Services.Length);
        await Register("b", Gpu);

        var again = await Register("a", Gpu, operation);

        Assert.Equal(first.Record.Incarnation, again.Record.Incarnation);
        Assert.Equal(first.Record.Registration.Services, again.Record.Registration.Services.AsEnumerable());
        Assert.Equal(["vision-ocr"], ServicesOf(await Register("c", Gpu)));
    }

    [Fact]
    public async Task A_worker_that_registers_anew_keeps_what_only_it_serves()
    {
        var first = await Register("a", Gpu);
        await Register("b", Gpu);

        var again = await Register("a", Gpu);

        Assert.Equal(first.Record.Incarnation + 1, again.Record.Incarnation);
        // All but what the other has been given meanwhile.
        Assert.Equal(ServicesOf(first).Except(["llm-inference"]), ServicesOf(again));
    }

    [Fact]
    public async Task What_a_worker_leaves_is_a_gap_at_once()
    {
        var first = await Register("a", Gpu);
        await mesh.Worker("a").Unregister();

        Assert.Equal(ServicesOf(first), ServicesOf(await Register("b", Gpu)));
    }

    [Fact]
    public async Task What_a_worker_served_whose_lease_ran_out_is_a_gap()
    {
        var first = await Register("a", Gpu);
        await mesh.Advance(Sample.Lease + TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));

        Assert.Equal(ServicesOf(first), ServicesOf(await Register("b", Gpu)));
    }

    [Fact]
    public async Task A_catalog_that_comes_back_counts_what_the_registries_show()
    {
        await Register("a", Gpu);
        await Register("b", Gpu);
        await mesh.Deactivate(mesh.Catalog);

        Assert.Equal(["vision-ocr"], ServicesOf(await Register("c", Gpu)));
    }

    [Fact]
    public async Task A_registry_that_comes_back_is_counted_once()
    {
        await Register("a", Gpu);
        await mesh.Deactivate(mesh.Registry(ServiceType.ParseKey("llm-inference")));

        Assert.Equal(["llm-inference"], ServicesOf(await Register("b", Gpu)));
    }

    [Fact]
    public async Task Who_names_services_counts_for_them()
    {
        await mesh.Register("a", Sample.Ocr, Sample.Echo);

        Assert.Equal(
            ["llm-inference", "rag-embeddings", "ner-extraction", "document-processing", "notes-coa"],
            ServicesOf(await Register("b", Gpu)));
    }

    private static IEnumerable<string> ServicesOf(RegisterAnswer answer) =>
        answer.Record.Registration.Services.Select(s => s.Value);

    private Task<RegisterAnswer> Register(string id, string capabilities, Guid? operation = null) =>
        mesh.Worker(id).Register(
            Sample.Registration(id) with { Capabilities = capabilities }, operation ?? Guid.NewGuid(), null, assign: true);

    /// <summary>Each service's registry lists those who were given it, and nobody else.</summary>
    private async Task ShowsInRegistries(RegisterAnswer[] answers)
    {
        foreach (var service in DefaultCatalog.Services)
        {
            var list = await mesh.List(ServiceType.ParseKey(service.Name));
            Assert.Equal(
                answers.Where(a => ServicesOf(a).Contains(service.Name)).Select(a => a.Record.Id.Value).Order(),
                list.Changes.Select(c => c.Id.Value).Order());
        }
    }
}
