using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage;

/// <summary>A write, as it waits for its group. All kinds share one queue, so that their order is kept.</summary>
internal abstract record Mutation(WorkerId Id)
{
    /// <param name="Row">What to store.</param>
    /// <param name="RegistryKeys">Where it belongs.</param>
    /// <param name="IsNew">Whether only to store it where nothing is.</param>
    public sealed record Save(WorkerRow Row, string[] RegistryKeys, bool IsNew) : Mutation(Row.Id)
    {
        public static Save Of(WorkerRecord record, bool isNew) => new(
            WorkerRow.From(record), [.. record.Registration.RegistryKeys.Select(key => key.Value)], isNew);
    }

    public sealed record SetDraining(WorkerId Id, long Incarnation, bool Draining) : Mutation(Id);

    public sealed record Remove(WorkerId Id, long Incarnation) : Mutation(Id);
}
