using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace WorkerMesh.Silo.Hosting;

/// <summary>What silo and gateway processes have in common.</summary>
public static class HostDefaults
{
    /// <summary>How long a process may take to finish what is in flight after SIGTERM.</summary>
    public static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(25);

    /// <summary>
    /// The command line of a process that reads its configuration once. By default files are watched, and with them
    /// everything below the working directory: where the data is there, each write of it.
    /// </summary>
    public static string[] WithFixedConfiguration(string[] args) => ["--hostBuilder:reloadConfigOnChange=false", .. args];

    /// <summary>Logging, options and shutdown. Log levels are defaults that configuration overrides.</summary>
    public static void AddHostDefaults(this IHostApplicationBuilder builder)
    {
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:LogLevel:Default"] = "Information",
                ["Logging:LogLevel:Microsoft"] = "Warning",
                ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Information",
                // Why a process can't start it says in a sentence (ExitCode), not with a stack trace before that.
                ["Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host"] = "Critical",
                ["Logging:LogLevel:Orleans"] = "Warning",
                // Measures its first interval from the machine's start, and warns of it.
                ["Logging:LogLevel:Orleans.Runtime.Watchdog"] = "Error",
                // Asks each second, and warns twice where nobody answers; the gateway says that itself, once.
                ["Logging:LogLevel:Orleans.Runtime.ClientClusterManifestProvider"] = "Error",
                ["Logging:LogLevel:Npgsql"] = "Error",
                // Orleans retries placements through it while a silo starts.
                ["Logging:LogLevel:Polly"] = "Error",
                ["Logging:LogLevel:System.Net.Http"] = "Warning",
                // With it, every request has an activity and a log scope, though no line is ever written into that.
                ["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = "None",
                // Forwarding failures are counted and answered; a line for each would drown the log in an outage.
                ["Logging:LogLevel:Yarp"] = "None",
            },
        });
        ValidateLogLevels(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss.fff ";
            console.UseUtcTimestamp = true;
        });
        builder.Services.AddOptions<MeshOptions>().BindConfiguration(MeshOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<MeshOptions>, MeshOptionsValidator>();
        builder.AddMeshDashboardOptions();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = DrainTime);
        builder.Services.AddSingleton(TimeProvider.System);
    }

    /// <summary>The reader of these settings names the value that it can't read, and not where it stands.</summary>
    private static void ValidateLogLevels(IConfigurationSection logging)
    {
        var levels = logging.GetChildren().Select(provider => provider.GetSection("LogLevel"))
            .Append(logging.GetSection("LogLevel"))
            .SelectMany(section => section.GetChildren());
        foreach (var level in levels)
        {
            if (!string.IsNullOrEmpty(level.Value) && !Enum.TryParse<LogLevel>(level.Value, ignoreCase: true, out _))
            {
                throw new MeshConfigurationException(
                    $"{level.Path} is '{level.Value}', which must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}.");
            }
        }
    }
}
