namespace WorkerMesh.Tests.Cluster.Grains;

internal enum StoreOperation
{
    Read,
    Save,
    Add,
    SetDraining,
    Remove,
    ReadPage,
    ReadServiceTypes,
}
