using WorkerMesh.Grains.Assignment;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;
using static WorkerMesh.Tests.Unit.Assignment.LedgerFixture;

namespace WorkerMesh.Tests.Unit.Assignment;

public sealed class AssignmentLedgerTests
{
    private const string GpuServices = "llm-inference vision-ocr rag-embeddings";
    private const string GpuGaps = "llm-inference vision-ocr rag-embeddings ner-extraction document-processing notes-coa";

    private readonly LedgerFixture mesh = new();

    [Fact]
    public void What_was_promised_counts_at_once()
    {
        Assert.Equal(GpuGaps, mesh.Assign("a", Gpu));
        Assert.Equal("llm-inference", mesh.Assign("b", Gpu));
        Assert.Equal("vision-ocr", mesh.Assign("c", Gpu));
        Assert.Equal("rag-embeddings", mesh.Assign("d", Gpu));
    }

    [Fact]
    public void A_promise_that_the_registries_show_is_not_counted_twice()
    {
        mesh.Assign("a", Gpu);
        mesh.Show("a", Gpu, GpuGaps);
        Assert.Equal("llm-inference", mesh.Assign("b", Gpu));
        mesh.Show("b", Gpu, "llm-inference");
        // One each of the others: had one of them been counted twice, it would come last.
        Assert.Equal("vision-ocr", mesh.Assign("c", Gpu));
        Assert.Equal("rag-embeddings", mesh.Assign("d", Gpu));
        Assert.Equal("ner-extraction", mesh.Assign("e", Gpu));
        Assert.Equal("document-processing", mesh.Assign("f", Gpu));
        Assert.Equal("notes-coa", mesh.Assign("g", Gpu));
        Assert.Equal("llm-inference", mesh.Assign("h", Gpu));
    }

    [Theory]
    [InlineData(WorkerState.Online, true)]
    [InlineData(WorkerState.Degraded, true)]
    [InlineData(WorkerState.Draining, false)]
    [InlineData(WorkerState.Offline, false)]
    public void Only_healthy_workers_count(WorkerState state, bool counts)
    {
        mesh.Show("a", Gpu, "llm-inference", state);
        Assert.Equal(!counts, mesh.Assign("b", Gpu).Split(' ').Contains("llm-inference"));
    }

    [Fact]
    public void A_worker_that_comes_back_into_health_counts_again()
    {
        mesh.Show("a", Gpu, GpuGaps);
        mesh.Turn("a", GpuServices, WorkerState.Offline);
        mesh.Turn("a", "vision-ocr", WorkerState.Online);
        Assert.Equal("llm-inference rag-embeddings", mesh.Assign("b", Gpu));
    }

    [Fact]
    public void A_worker_that_registers_again_does_not_count_itself()
    {
        var given = mesh.Assign("a", Gpu);
        Assert.Equal(given, mesh.Assign("a", Gpu));
        mesh.Show("a", Gpu, GpuGaps);
        Assert.Equal(given, mesh.Assign("a", Gpu));
        Assert.Equal("llm-inference", mesh.Assign("b", Gpu));
    }

    [Fact]
    public void A_worker_that_registers_again_as_another_type_counts_in_its_new_tier()
    {
        Assert.Equal("chromadb redis postgres", mesh.Assign("a", StorageWorker));
        Assert.Equal(3, mesh.Assign("b", StorageWorker).Split(' ').Length);
        Assert.Equal(3, mesh.Assign("c", StorageWorker).Split(' ').Length);
        mesh.Assign("a", Edge);
        // Two are left in the tier of storage: one fewer than would halve what a worker gets.
        Assert.Equal(3, mesh.Assign("d", StorageWorker).Split(' ').Length);
        Assert.Equal(2, mesh.Assign("e", StorageWorker).Split(' ').Length);
    }

    [Fact]
    public void A_promise_whose_worker_never_joined_is_void_after_30_s()
    {
        var given = mesh.Assign("a", Gpu);
        mesh.Now = TimeSpan.FromSeconds(29.9);
        Assert.Equal("llm-inference", mesh.Assign("b", Gpu));
        mesh.Now = TimeSpan.FromSeconds(30);
        // Only the second promise is left.
        Assert.Equal(given.Replace("llm-inference ", "", StringComparison.Ordinal), mesh.Assign("c", Gpu));
    }

    [Fact]
    public void The_end_of_an_earlier_promise_does_not_end_a_later_one()
    {
        mesh.Assign("a", Gpu);
        mesh.Now = TimeSpan.FromSeconds(20);
        mesh.Assign("a", Gpu);
        mesh.Now = TimeSpan.FromSeconds(40);
        Assert.Equal("llm-inference", mesh.Assign("b", Gpu));
        mesh.Now = TimeSpan.FromSeconds(50);
        Assert.Equal(5, mesh.Assign("c", Gpu).Split(' ').Length);
    }

    [Fact]
    public void The_end_of_a_promise_leaves_what_the_registries_show()
    {
        mesh.Assign("a", Gpu);
        mesh.Show("a", Gpu, GpuServices);
        mesh.Now = TimeSpan.FromMinutes(1);
        Assert.Equal(
            GpuGaps.Split(' ').Except(GpuServices.Split(' ')), mesh.Assign("b", Gpu).Split(' '));
    }

    [Fact]
    public void A_worker_that_leaves_takes_its_promise_along()
    {
        var given = mesh.Assign("a", Gpu);
        // It joined and left between two looks at the registries, which show only the end of it.
        mesh.Remove("a", GpuGaps);
        Assert.Equal(given, mesh.Assign("b", Gpu));
    }

    [Fact]
    public void What_a_registry_said_before_a_promise_does_not_end_it()
    {
        mesh.Show("a", Gpu, "vision-ocr");
        mesh.Remove("a", "vision-ocr");
        mesh.Show("z", StorageWorker, "vision-ocr", WorkerState.Offline);
        mesh.Assign("a", Gpu);
        // Asked earlier by somebody else, and answered late: the removal again, with a change that is new.
        var (type, known) = (ServiceType.ParseKey("vision-ocr"), mesh.Ledger.VersionOf(1)!.Value);
        mesh.Ledger.Apply(new(type, known.Epoch, known.Version - 3, known.Version + 1,
        [
            Change("a", WorkerState.Online) with { Removed = true, Version = known.Version - 1 },
            Change("z", WorkerState.Draining) with { Version = known.Version + 1 },
        ]));
        Assert.Equal("llm-inference", mesh.Assign("b", Gpu));
    }

    [Fact]
    public void What_was_heard_already_changes_nothing()
    {
        mesh.Show("a", Gpu, "llm-inference");
        var known = mesh.Ledger.VersionOf(0)!.Value;
        mesh.Ledger.Apply(new(
            known.ServiceType, known.Epoch, 0, known.Version, [Change("old", WorkerState.Online, Gpu)]));
        Assert.Equal(known, mesh.Ledger.VersionOf(0));
        mesh.Remove("a", "llm-inference");
        Assert.Contains("llm-inference", mesh.Assign("b", Gpu), StringComparison.Ordinal);
    }

    [Fact]
    public void The_whole_list_of_another_activation_takes_the_place_of_what_was_known()
    {
        mesh.Show("a", Gpu, GpuGaps);
        mesh.Show("b", Gpu, "llm-inference");
        mesh.ShowWhole("vision-ocr");
        mesh.ShowWhole("llm-inference", Change("b", WorkerState.Online, Gpu));
        mesh.ShowWhole("rag-embeddings", Change("a", WorkerState.Offline, Gpu));
        Assert.Equal("vision-ocr rag-embeddings", mesh.Assign("c", Gpu));
        // One at llm-inference, and not two.
        Assert.Equal("llm-inference", mesh.Assign("d", Gpu));
    }

    [Fact]
    public void A_promise_outlives_a_whole_list_that_does_not_show_it_yet()
    {
        mesh.Assign("a", Gpu);
        mesh.ShowWhole("vision-ocr");
        Assert.Equal("llm-inference", mesh.Assign("b", Gpu));
    }

    [Fact]
    public void Nothing_is_known_of_a_registry_that_was_not_heard_of_yet()
    {
        Assert.Null(mesh.Ledger.VersionOf(0));
        mesh.ShowWhole("llm-inference");
        Assert.NotNull(mesh.Ledger.VersionOf(0));
        Assert.Null(mesh.Ledger.VersionOf(1));
    }

    [Fact]
    public void All_of_64_services_can_be_told_apart()
    {
        var catalog = Enumerable.Range(0, AssignmentOptions.MaxServices)
            .Select(i => new AssignableService { Name = $"s{i:00}", Requires = "gpu", Tier = 1, Priority = 1, Port = 1 })
            .ToList();
        var large = new LedgerFixture(catalog);
        Assert.Equal(64, large.Assign("a", Gpu).Split(' ').Length);
        large.Show("a", Gpu, string.Join(' ', catalog.Select(s => s.Name)));
        large.Remove("a", "s63");
        Assert.Equal("s63", large.Assign("b", Gpu));
    }
}
