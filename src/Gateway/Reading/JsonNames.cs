using System.Diagnostics.CodeAnalysis;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Reading;

/// <summary>The contract's names for values that are enums or flags inside.</summary>
internal static class JsonNames
{
    public const string Healthy = "healthy";
    public const string Degraded = "degraded";

    /// <summary>All worker states, for error messages.</summary>
    public const string WorkerStates = "one of online, degraded, draining and offline";

    /// <summary>Parses the name of a state, exactly as the API writes it.</summary>
    public static bool TryParseState(string text, [NotNullWhen(true)] out WorkerState? state)
    {
        state = text switch
        {
            "online" => WorkerState.Online,
            "degraded" => WorkerState.Degraded,
            "draining" => WorkerState.Draining,
            "offline" => WorkerState.Offline,
            _ => null,
        };
        return state is not null;
    }
}
