using WorkerMesh.Grains.Assignment;

namespace WorkerMesh.Tests.Unit.Assignment;

/// <summary>The rule over the default catalog: three gpu services, three cpu, five storage, three edge.</summary>
public sealed class AssignmentRuleTests
{
    private const string AllGaps =
        "llm-inference vision-ocr rag-embeddings ner-extraction document-processing notes-coa";

    [Theory]
    [InlineData("", "llm-inference vision-ocr rag-embeddings ner-extraction document-processing notes-coa")]
    [InlineData("llm-inference=1", "vision-ocr rag-embeddings ner-extraction document-processing notes-coa")]
    [InlineData("llm-inference=1 vision-ocr=2 ner-extraction=9", "rag-embeddings document-processing notes-coa")]
    [InlineData("chromadb=0 coordinator=0 llm-inference=1 vision-ocr=1 rag-embeddings=1 ner-extraction=1 notes-coa=1",
        "document-processing")]
    public void A_gpu_worker_gets_every_gap_of_gpu_and_cpu(string healthy, string given) =>
        Assert.Equal(given.Split(' '), Decide("gpu", healthy, inTier: 50));

    [Theory]
    [InlineData(1, 1, 1, 1, 1, 1, "llm-inference")]
    [InlineData(2, 1, 1, 1, 1, 1, "vision-ocr")]
    [InlineData(2, 2, 1, 1, 1, 1, "rag-embeddings")]
    [InlineData(2, 2, 2, 1, 1, 1, "ner-extraction")]
    [InlineData(2, 2, 2, 2, 1, 1, "document-processing")]
    [InlineData(2, 2, 2, 2, 2, 1, "notes-coa")]
    [InlineData(7, 7, 7, 7, 7, 7, "llm-inference")]
    public void A_gpu_worker_gets_the_first_service_where_all_are_covered(
        int llm, int ocr, int rag, int ner, int documents, int notes, string given)
    {
        var healthy = string.Join(' ', AllGaps.Split(' ').Zip([llm, ocr, rag, ner, documents, notes], (s, n) => $"{s}={n}"));
        Assert.Equal([given], Decide("gpu", healthy, inTier: 50));
    }

    [Theory]
    [InlineData("cpu", 0, 3)]
    [InlineData("cpu", 1, 3)]
    [InlineData("cpu", 2, 2)]
    [InlineData("cpu", 3, 1)]
    [InlineData("cpu", 4, 1)]
    [InlineData("edge", 1, 3)]
    [InlineData("edge", 2, 2)]
    [InlineData("edge", 3, 1)]
    [InlineData("storage", 0, 3)]
    [InlineData("storage", 2, 3)]
    [InlineData("storage", 3, 2)]
    [InlineData("storage", 4, 2)]
    [InlineData("storage", 5, 1)]
    [InlineData("storage", 500, 1)]
    public void Another_worker_gets_fewer_the_more_there_are_in_its_tier(string type, int inTier, int count) =>
        Assert.Equal(count, Decide(type, "", inTier).Count);

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(4, 1)]
    public void Exactly_half_as_many_in_the_tier_is_half(int inTier, int count) => Assert.Equal(
        count,
        AssignmentRule.Decide([.. DefaultCatalog.Services.Where(s => s.Requires == "storage").Take(4)], new("storage", 3), new int[4], inTier).Count);

    [Theory]
    [InlineData("cpu", "", "ner-extraction document-processing notes-coa")]
    [InlineData("cpu", "ner-extraction=1", "document-processing notes-coa ner-extraction")]
    [InlineData("cpu", "ner-extraction=2 document-processing=1", "notes-coa document-processing ner-extraction")]
    [InlineData("storage", "", "chromadb redis postgres")]
    [InlineData("storage", "chromadb=1 redis=1 postgres=1", "minio neo4j chromadb")]
    [InlineData("storage", "chromadb=1 redis=1 postgres=1 minio=1 neo4j=1", "chromadb redis postgres")]
    [InlineData("edge", "", "coordinator edge-proxy load-balancer")]
    [InlineData("edge", "coordinator=1", "edge-proxy load-balancer coordinator")]
    [InlineData("edge", "coordinator=1 edge-proxy=1", "load-balancer coordinator edge-proxy")]
    public void Fewest_workers_go_first_then_priority_then_the_order_of_the_catalog(string type, string healthy, string given) =>
        Assert.Equal(given.Split(' '), Decide(type, healthy, inTier: 0));

    [Theory]
    [InlineData("gpu")]
    [InlineData("cpu")]
    public void Nothing_is_given_where_nothing_fits(string type) => Assert.Empty(AssignmentRule.Decide(
        [.. DefaultCatalog.Services.Where(s => s.Requires == "storage")], new(type, 1), new int[5], 0));

    [Fact]
    public void There_are_no_more_than_there_are() => Assert.Equal([0], AssignmentRule.Decide(
        [DefaultCatalog.Services[6]], new("storage", 3), new int[1], 0));

    [Fact]
    public void The_default_catalog_is_the_documented_one() => Assert.Equal(
        """
        llm-inference gpu 1 1 8105
        vision-ocr gpu 1 1 8104
        rag-embeddings gpu 1 2 8102
        ner-extraction cpu 2 2 8108
        document-processing cpu 2 2 8103
        notes-coa cpu 2 3 8100
        chromadb storage 3 1 8000
        redis storage 3 2 6379
        postgres storage 3 3 5432
        minio storage 3 4 9000
        neo4j storage 3 5 7474
        coordinator edge 4 1 8080
        edge-proxy edge 4 1 8787
        load-balancer edge 4 2 8090
        """,
        string.Join('\n', DefaultCatalog.Services.Select(s => $"{s.Name} {s.Requires} {s.Tier} {s.Priority} {s.Port}")));

    private static List<string> Decide(string type, string healthy, int inTier)
    {
        var of = new int[DefaultCatalog.Services.Count];
        foreach (var pair in healthy.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(h => h.Split('=')))
        {
            of[DefaultCatalog.Services.ToList().FindIndex(s => s.Name == pair[0])] = int.Parse(pair[1], null);
        }

        return
        [
            .. AssignmentRule.Decide(DefaultCatalog.Services, new(type, 1), of, inTier)
                .Select(i => DefaultCatalog.Services[i].Name),
        ];
    }
}
