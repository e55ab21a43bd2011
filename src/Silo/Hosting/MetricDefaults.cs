using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace WorkerMesh.Silo.Hosting;

/// <summary>Whose metrics they are, and how many series the instruments of libraries may have.</summary>
public static class MetricDefaults
{
    /// <summary>
    /// The most of one instrument. Room for all of them is made at once: that for the default of 2,000 takes 176 KB for each of
    /// the 200 instruments that Orleans and the runtime have, most of which have one series or none.
    /// </summary>
    private const int MostSeries = 200;

    private const string Ours = "WorkerMesh.";

    /// <summary>Names their source, as <c>target_info</c> says it; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES prevail.</summary>
    /// <param name="metrics">The metrics of a process.</param>
    /// <param name="service">What kind of process it is: service.name of OpenTelemetry's semantic conventions.</param>
    public static MeterProviderBuilder From(this MeterProviderBuilder metrics, string service) => metrics.ConfigureResource(
        resource => resource
            .AddService(
                service,
                serviceVersion: typeof(MetricDefaults).Assembly.GetName().Version?.ToString(3),
                autoGenerateServiceInstanceId: false)
            .AddEnvironmentVariableDetector());

    /// <summary>Limits those that are not ours.</summary>
    public static MeterProviderBuilder LimitLibraries(this MeterProviderBuilder metrics) => metrics.AddView(instrument =>
        instrument.Meter.Name.StartsWith(Ours, StringComparison.Ordinal)
            ? null
            : new MetricStreamConfiguration { CardinalityLimit = MostSeries });
}
