// Each collection runs dozens of processes; two at once would measure each other.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace WorkerMesh.Tests.System.Harness;

/// <summary>Tests that share one embedded mesh.</summary>
[CollectionDefinition]
public sealed class OnEmbeddedMesh : ICollectionFixture<EmbeddedMesh>;

/// <summary>Tests that share one cluster.</summary>
[CollectionDefinition]
public sealed class OnCluster : ICollectionFixture<ClusterMesh>;
