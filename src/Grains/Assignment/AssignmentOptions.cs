using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Assignment;

/// <summary>
/// Which services are assigned to workers that name none. Configuration section <c>Assignment</c>; must be equal on all
/// silos and gateways.
/// </summary>
public sealed class AssignmentOptions
{
    public const string Section = "Assignment";
    public const int MaxServices = 64;

    /// <summary>The services to assign; when set, it takes the place of all the defaults. At most 64.</summary>
    [MaxLength(MaxServices)]
    public IList<AssignableService>? Services { get; set; }

    /// <summary>
    /// Short names for service types in forwarding paths; when set, they take the place of all the defaults.
    /// </summary>
    public IDictionary<string, string>? ShortNames { get; set; }

    /// <summary>
    /// The lease of workers that speak the coordinator API, which heartbeat every 30 s. Default 90 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:02", "01:00:00")]
    public TimeSpan CoordinatorLease { get; set; } = TimeSpan.FromSeconds(90);

    /// <summary>The catalog in force.</summary>
    public IReadOnlyList<AssignableService> Catalog => Services is { Count: > 0 } set ? [.. set] : DefaultCatalog.Services;

    /// <summary>The short names in force.</summary>
    public IReadOnlyDictionary<string, string> Aliases =>
        ShortNames is { Count: > 0 } set ? set.AsReadOnly() : DefaultCatalog.ShortNames;
}

/// <summary>A service of the assignment catalog.</summary>
public sealed class AssignableService
{
    /// <summary>Its service type.</summary>
    [Required]
    public string Name { get; set; } = "";

    /// <summary>The type of worker that it needs: gpu, cpu, storage or edge.</summary>
    [Required]
    public string Requires { get; set; } = "";

    /// <summary>Its tier, for people.</summary>
    [Range(1, 4)]
    public int Tier { get; set; }

    /// <summary>Of two services with equally few workers the one with the lower number goes first.</summary>
    [Range(1, int.MaxValue)]
    public int Priority { get; set; }

    /// <summary>The port that a worker is told to serve it on.</summary>
    [Range(1, 65535)]
    public int Port { get; set; }
}

internal sealed class AssignmentOptionsValidator : IValidateOptions<AssignmentOptions>
{
    public ValidateOptionsResult Validate(string? name, AssignmentOptions options)
    {
        var faults = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (service, index) in options.Catalog.Select((s, i) => (s, i)))
        {
            var at = $"Assignment:Services:{index}";
            Check(ServiceType.TryParse(service.Name, out _), $"{at}:Name is '{service.Name}'; it must be {Identifier.Rule}.");
            Check(seen.Add(service.Name), $"{at}:Name repeats '{service.Name}'.");
            Check(WorkerProfile.Types.Contains(service.Requires), $"{at}:Requires is '{service.Requires}'; it must be gpu, cpu, storage or edge.");
            Check(service.Tier is >= 1 and <= 4, $"{at}:Tier must be from 1 to 4.");
            Check(service.Priority >= 1, $"{at}:Priority must be 1 or more.");
            Check(service.Port is >= 1 and <= 65535, $"{at}:Port must be from 1 to 65535.");
        }

        Check(options.Catalog.Count <= AssignmentOptions.MaxServices, $"Assignment:Services must be at most {AssignmentOptions.MaxServices}.");
        foreach (var (alias, target) in options.Aliases)
        {
            Check(Identifier.IsValid(alias) && Identifier.IsValid(target), $"Assignment:ShortNames:{alias} must map a name to a service type, each {Identifier.Rule}.");
        }

        Check(
            options.CoordinatorLease >= Workers.Registration.MinLease && options.CoordinatorLease <= Workers.Registration.MaxLease,
            "Assignment:CoordinatorLease must be from 2 s to 1 h.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Check(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }
    }
}
