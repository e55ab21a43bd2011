using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// The Orleans dashboard, which gateways serve at <c>/dashboard</c>. It shows the silos, the grains and what is called how
/// often, and the state of grains. Configuration section <c>Dashboard</c>; <see cref="Enabled"/> must be equal on all silos
/// and gateways.
/// </summary>
public sealed class MeshDashboardOptions
{
    public const string Section = "Dashboard";

    /// <summary>
    /// Whether silos count for it and gateways may serve it. Costs next to nothing while nobody looks. Default true.
    /// </summary>
    public bool Enabled { get; set; } = true;

    /// <summary>
    /// The name that the dashboard asks for (HTTP Basic). Without one, a gateway that listens beyond loopback does not
    /// serve it. Default none.
    /// </summary>
    [RegularExpression("^[^:\\x00-\\x1f]{1,128}$", ErrorMessage = "Dashboard:Username must be 1 to 128 characters without ':'.")]
    public string? Username { get; set => field = NullIfEmpty(value); }

    /// <summary>The password that goes with it. Never logged. Default none.</summary>
    [StringLength(1024, MinimumLength = 8, ErrorMessage = "Dashboard:Password must have 8 to 1024 characters.")]
    public string? Password { get; set => field = NullIfEmpty(value); }

    /// <summary>Whether it asks who is there.</summary>
    public bool HasCredentials => Username is not null && Password is not null;

    /// <summary>An environment variable that is set to nothing sets nothing.</summary>
    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}

[OptionsValidator]
internal sealed partial class MeshDashboardOptionsValidator : IValidateOptions<MeshDashboardOptions>;

internal sealed class DashboardCredentialsValidator : IValidateOptions<MeshDashboardOptions>
{
    public ValidateOptionsResult Validate(string? name, MeshDashboardOptions options) =>
        options.Username is null == options.Password is null
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail("Dashboard:Username and Dashboard:Password go together: set both, or neither.");
}
