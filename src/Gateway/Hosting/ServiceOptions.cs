using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>
/// What one service type does differently. Configuration section <c>Gateway:Services:{type}</c>; what is absent is as
/// in <see cref="GatewayOptions"/>.
/// </summary>
public sealed class ServiceOptions
{
    /// <summary>As <see cref="GatewayOptions.QueueLength"/>.</summary>
    [Range(0, GatewayOptions.LongestQueue)]
    public int? QueueLength { get; set; }

    /// <summary>As <see cref="GatewayOptions.QueueTimeout"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan? QueueTimeout { get; set; }
}

/// <summary>Checks each service type's options: the generated validator does not look into dictionaries.</summary>
internal sealed class ServiceOptionsValidator : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var faults = new List<string>();
        foreach (var (type, service) in options.Services)
        {
            var found = new List<ValidationResult>();
            Validator.TryValidateObject(service, new(service), found, validateAllProperties: true);
            faults.AddRange(found.Select(f => $"{GatewayOptions.Section}:Services:{type}: {f.ErrorMessage}"));
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
