using WorkerMesh.Tests.Cluster.Postgres;

namespace WorkerMesh.Tests.Cluster.Storage;

public sealed class PostgresWorkerStoreTests(SharedPostgres postgres) : WorkerStoreTests(new PostgresStores(postgres));

public sealed class PostgresWorkerStorePageTests(SharedPostgres postgres)
    : WorkerStorePageTests(new PostgresStores(postgres));

public sealed class PostgresWorkerStoreRaceTests(SharedPostgres postgres)
    : WorkerStoreRaceTests(new PostgresStores(postgres));
