using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Silo.Hosting;

/// <summary>What silos and gateways of one cluster have in common. Configuration section <c>Mesh</c>.</summary>
public sealed class MeshOptions
{
    public const string Section = "Mesh";

    /// <summary>
    /// The connection string's name: <c>ConnectionStrings:Cluster</c>. Its presence chooses the cluster mode.
    /// </summary>
    public const string ConnectionName = "Cluster";

    /// <summary>
    /// Processes with different ids do not see each other, even in one database. Default <c>workermesh</c>.
    /// </summary>
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        ErrorMessage = "Mesh:ClusterId must be 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit.")]
    public string ClusterId { get; set; } = "workermesh";

    /// <summary>
    /// Where the embedded mode keeps its registrations (one SQLite file). Created where it is missing.
    /// Default: <c>workermesh</c> in the user's local application data (<c>~/.local/share</c> on Linux).
    /// </summary>
    [Required]
    public string DataDirectory { get; set; } = DefaultDataDirectory();

    /// <summary>
    /// How long the store may take for one operation before it counts as unavailable. Longer: a slow disk fails fewer
    /// registrations. Shorter: calls that went to a silo that hangs are made again sooner, for
    /// <see cref="CallTimeout"/> follows it. Default 1.5 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:00:05")]
    public TimeSpan StoreTimeout { get; set; } = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// How long a gateway waits for a grain before it makes the call again: a little longer than the store may take, so
    /// that a database that does not answer is told apart from a silo that does not. Default 2 s.
    /// </summary>
    public TimeSpan CallTimeout => StoreTimeout + TimeSpan.FromSeconds(0.5);

    private static string DefaultDataDirectory()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        return Path.Combine(home.Length > 0 ? home : ".", "workermesh");
    }
}

[OptionsValidator]
internal sealed partial class MeshOptionsValidator : IValidateOptions<MeshOptions>;
