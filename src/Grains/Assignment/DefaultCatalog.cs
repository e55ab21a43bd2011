namespace WorkerMesh.Grains.Assignment;

/// <summary>What is assigned where nothing is configured: the services of the first system.</summary>
internal static class DefaultCatalog
{
    public static readonly IReadOnlyList<AssignableService> Services =
    [
        Of("llm-inference", "gpu", 1, 1, 8105),
        Of("vision-ocr", "gpu", 1, 1, 8104),
        Of("rag-embeddings", "gpu", 1, 2, 8102),
        Of("ner-extraction", "cpu", 2, 2, 8108),
        Of("document-processing", "cpu", 2, 2, 8103),
        Of("notes-coa", "cpu", 2, 3, 8100),
        Of("chromadb", "storage", 3, 1, 8000),
        Of("redis", "storage", 3, 2, 6379),
        Of("postgres", "storage", 3, 3, 5432),
        Of("minio", "storage", 3, 4, 9000),
        Of("neo4j", "storage", 3, 5, 7474),
        Of("coordinator", "edge", 4, 1, 8080),
        Of("edge-proxy", "edge", 4, 1, 8787),
        Of("load-balancer", "edge", 4, 2, 8090),
    ];

    public static readonly IReadOnlyDictionary<string, string> ShortNames = new Dictionary<string, string>
    {
        ["rag"] = "rag-embeddings",
        ["upload"] = "document-processing",
        ["notes"] = "notes-coa",
        ["ner"] = "ner-extraction",
        ["ocr"] = "vision-ocr",
        ["llm"] = "llm-inference",
    };

    private static AssignableService Of(string name, string requires, int tier, int priority, int port) =>
        new() { Name = name, Requires = requires, Tier = tier, Priority = priority, Port = port };
}
