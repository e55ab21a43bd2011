namespace WorkerMesh.Tests.Cluster.Grains;

internal enum StoreOperation
{
    Read,
    Save,
    SetDraining,
    Remove,
    ReadPage,
    ReadServiceTypes,
}
