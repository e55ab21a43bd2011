namespace WorkerMesh.Grains.Storage.Postgres;

/// <summary>Tables that belong together and have a version of their own.</summary>
/// <param name="Name">The name of its row in mesh_schema.</param>
/// <param name="Migrations">The scripts in order; after the n-th the version is n.</param>
internal sealed record SchemaPart(string Name, IReadOnlyList<string> Migrations);
