using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Silo.Hosting;

/// <summary>Where a silo listens. Configuration section <c>Silo</c>.</summary>
public sealed class SiloOptions
{
    public const string Section = "Silo";

    /// <summary>The port for other silos; 0 picks a free one. Default 11111; in the embedded mode 0.</summary>
    [Range(0, 65535)]
    public int? SiloPort { get; set; }

    /// <summary>The port for gateways; 0 picks a free one. Default 30000; in the embedded mode 0.</summary>
    [Range(0, 65535)]
    public int? GatewayPort { get; set; }

    /// <summary>
    /// The IP address that other processes reach this silo at. Default: the one on the route to the database, which on
    /// a machine with several networks is on the one they share.
    /// </summary>
    public string? AdvertisedAddress { get; set; }

    /// <summary>
    /// The port at which a silo in a process of its own answers <c>/health/live</c>, <c>/health/ready</c> and
    /// <c>/metrics</c>. For a private network, like the other two. Default none.
    /// </summary>
    [Range(1, 65535)]
    public int? MonitoringPort { get; set; }

    /// <summary>A name for people. Default: the host's name and the silo port.</summary>
    public string? Name { get; set; }
}

[OptionsValidator]
internal sealed partial class SiloOptionsValidator : IValidateOptions<SiloOptions>;

internal sealed class SiloAddressValidator : IValidateOptions<SiloOptions>
{
    public ValidateOptionsResult Validate(string? name, SiloOptions options) =>
        options.AdvertisedAddress is not { } address || IPAddress.TryParse(address, out _)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"Silo:AdvertisedAddress is '{address}', which is not an IP address. Set it to the address that other "
                + "silos and gateways reach this silo at, or leave it out to take the one on the route to the database.");
}
