using System.Text;
using Microsoft.Extensions.Primitives;
using WorkerMesh.Gateway.Reading;
using WorkerMesh.Gateway.Routing;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>What a request asks of the mesh by its headers.</summary>
/// <param name="IsUrgent"><c>X-Mesh-Priority: high</c>: waits before those that are not.</param>
/// <param name="Affinity">
/// The hash of <c>X-Mesh-Affinity</c>: requests with equal keys go to the same worker.
/// </param>
/// <param name="Explain"><c>X-Mesh-Explain: 1</c>: the answer is to say why it went where it went.</param>
internal readonly record struct RequestWishes(bool IsUrgent, ulong? Affinity, bool Explain)
{
    public const string PriorityHeader = "X-Mesh-Priority";
    public const string AffinityHeader = "X-Mesh-Affinity";
    public const string ExplainHeader = "X-Mesh-Explain";

    /// <summary>Reads them. Allocates nothing where there are none.</summary>
    /// <returns>Null where all is well; else what is wrong, by header.</returns>
    public static FieldErrors? Read(IHeaderDictionary headers, out RequestWishes wishes)
    {
        FieldErrors? errors = null;
        var (urgent, explain, affinity) = (false, false, (ulong?)null);
        if (headers.TryGetValue(PriorityHeader, out var priority))
        {
            urgent = Equals(priority, "high");
            if (!urgent && !Equals(priority, "normal"))
            {
                (errors ??= new()).Add(PriorityHeader, "Must be high or normal.");
            }
        }

        if (headers.TryGetValue(AffinityHeader, out var key))
        {
            if (key is [{ Length: > 0 } text] && Encoding.UTF8.GetByteCount(text) <= AffinityTable.LongestKeyBytes)
            {
                affinity = AffinityTable.HashOf(text);
            }
            else
            {
                (errors ??= new()).Add(AffinityHeader, $"Must be one key of 1 to {AffinityTable.LongestKeyBytes} bytes.");
            }
        }

        if (headers.TryGetValue(ExplainHeader, out var asked))
        {
            explain = Equals(asked, "1");
            if (!explain && !Equals(asked, "0"))
            {
                (errors ??= new()).Add(ExplainHeader, "Must be 1 or 0.");
            }
        }

        wishes = new(urgent, affinity, explain);
        return errors;
    }

    private static bool Equals(StringValues given, string value) =>
        given.Count == 1 && string.Equals(given[0], value, StringComparison.OrdinalIgnoreCase);
}
