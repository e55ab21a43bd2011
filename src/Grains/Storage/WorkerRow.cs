using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Storage;

/// <summary>
/// A worker record as both databases hold it: the registration is JSON (see <see cref="StoredRegistration"/>), and the
/// zone stands beside it once more, to search by. The time is ISO 8601 with all seven decimals: PostgreSQL's own
/// timestamps would drop the last one, and SQLite has none.
/// </summary>
internal sealed record WorkerRow(
    WorkerId Id,
    long Incarnation,
    Guid OperationId,
    bool Replaced,
    bool Draining,
    string RegisteredAt,
    string Registration,
    string? Zone = null)
{
    /// <summary>The columns that <see cref="Read"/> expects, in its order, of a table with the alias w.</summary>
    public const string Columns =
        "w.worker_id, w.incarnation, w.operation_id, w.replaced, w.draining, w.registered_at, w.registration";

    public static WorkerRow From(WorkerRecord record) => new(
        record.Id,
        record.Incarnation,
        record.OperationId,
        record.Replaced,
        record.Draining,
        record.RegisteredAt.ToString("O", CultureInfo.InvariantCulture),
        StoredRegistration.Serialize(record.Registration),
        record.Registration.Zone);

    /// <summary>Reads <see cref="Columns"/>, of which the first is at <paramref name="first"/>.</summary>
    public static WorkerRow Read(DbDataReader reader, int first = 0) => new(
        WorkerId.Parse(reader.GetString(first)),
        reader.GetInt64(first + 1),
        reader.GetGuid(first + 2),
        reader.GetBoolean(first + 3),
        reader.GetBoolean(first + 4),
        reader.GetString(first + 5),
        reader.GetString(first + 6));

    /// <summary>The record.</summary>
    /// <exception cref="InvalidDataException">Someone else wrote to the row.</exception>
    public WorkerRecord ToRecord()
    {
        try
        {
            return new WorkerRecord(
                Id,
                Incarnation,
                StoredRegistration.Deserialize(Registration),
                Draining,
                OperationId,
                Replaced,
                DateTimeOffset.ParseExact(RegisteredAt, "O", CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new InvalidDataException($"The stored registration of worker '{Id}' cannot be read: {e.Message}", e);
        }
    }
}
