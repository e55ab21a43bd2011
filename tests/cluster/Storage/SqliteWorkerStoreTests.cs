namespace WorkerMesh.Tests.Cluster.Storage;

public sealed class SqliteWorkerStoreTests() : WorkerStoreTests(new SqliteStores());

public sealed class SqliteWorkerStorePageTests() : WorkerStorePageTests(new SqliteStores());

public sealed class SqliteWorkerStoreRaceTests() : WorkerStoreRaceTests(new SqliteStores());
