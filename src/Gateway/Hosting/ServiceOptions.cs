using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// What differs for one service type. Configuration section <c>Gateway:Services:{type}</c>; what is absent is as for all.
/// </summary>
public sealed class ServiceOptions
{
    /// <summary>In place of <see cref="GatewayOptions.ConnectTimeout"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:01:00")]
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>In place of <see cref="GatewayOptions.FirstByteTimeout"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    public TimeSpan? FirstByteTimeout { get; set; }

    /// <summary>In place of <see cref="GatewayOptions.BetweenBytesTimeout"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    public TimeSpan? BetweenBytesTimeout { get; set; }

    /// <summary>In place of <see cref="GatewayOptions.QueueLength"/>.</summary>
    [Range(0, GatewayOptions.LongestQueue)]
    public int? QueueLength { get; set; }

    /// <summary>In place of <see cref="GatewayOptions.QueueTimeout"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan? QueueTimeout { get; set; }
}

[OptionsValidator]
internal sealed partial class ServiceOptionsValidator : IValidateOptions<ServiceOptions>;

/// <summary>Looks at each of <see cref="GatewayOptions.Services"/>, which the generated validator does not.</summary>
internal sealed class ServicesValidator : IValidateOptions<GatewayOptions>
{
    private static readonly ServiceOptionsValidator One = new();

    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        List<string> faults = [];
        foreach (var (type, service) in options.Services)
        {
            var key = $"{GatewayOptions.Section}:{nameof(GatewayOptions.Services)}:{type}";
            if (!ServiceType.TryParse(type, out _))
            {
                faults.Add($"{key} is no service type: it must be {Identifier.Rule}.");
            }

            faults.AddRange(One.Validate(key, service).Failures ?? []);
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
