using OpenTelemetry.Metrics;

namespace WorkerMesh.Silo.Hosting;

/// <summary>How many series the instruments of libraries may have.</summary>
public static class MetricLimits
{
    /// <summary>
    /// The most of one instrument. Room for all of them is made at once: that for the default of 2,000 takes 176 KB for each of
    /// the 200 instruments that Orleans and the runtime have, most of which have one series or none.
    /// </summary>
    private const int MostSeries = 200;

    private const string Ours = "WorkerMesh.";

    /// <summary>Limits those that are not ours.</summary>
    public static MeterProviderBuilder LimitLibraries(this MeterProviderBuilder metrics) => metrics.AddView(instrument =>
        instrument.Meter.Name.StartsWith(Ours, StringComparison.Ordinal)
            ? null
            : new MetricStreamConfiguration { CardinalityLimit = MostSeries });
}
