using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace WorkerMesh.Silo.Hosting;

/// <summary>
/// How fast a dead silo is found: killed in about 1 s, hung in about 5 s. Each value can be overridden in the
/// configuration section <c>Membership</c> (for example <c>Membership__ProbeTimeout=00:00:02</c>), for machines so
/// starved that healthy silos miss their probes. Must be equal on all silos.
/// </summary>
internal static class MembershipProfile
{
    public const string Section = "Membership";

    public static void Configure(ISiloBuilder silo, IConfiguration configuration)
    {
        var section = configuration.GetSection(Section);
        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            membership.ProbeTimeout = TimeSpan.FromSeconds(1);
            membership.MinProbeTimeout = TimeSpan.FromSeconds(0.5);
            membership.MaxProbeTimeout = TimeSpan.FromSeconds(2);
            membership.NumMissedProbesLimit = 2;
            membership.NumVotesForDeathDeclaration = 2;
            membership.TableRefreshTimeout = TimeSpan.FromSeconds(10);
            // Stale after three of them; shorter ones make healthy silos look stale after a passing database outage.
            membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(10);
            membership.DefunctSiloExpiration = TimeSpan.FromHours(2);
            section.Bind(membership);
        });
        silo.Configure<SiloMessagingOptions>(messaging =>
        {
            messaging.ResponseTimeout = TimeSpan.FromSeconds(5);
            messaging.SystemResponseTimeout = TimeSpan.FromSeconds(5);
        });
        // Each silo tells each other one how busy it is, by default every second: an eighth of what an idle one of four does.
        // What is placed by it are the few grains that are not placed by the hash of their keys.
        silo.Configure<DeploymentLoadPublisherOptions>(load =>
            load.DeploymentLoadPublisherRefreshTime = TimeSpan.FromSeconds(10));
        // No longer than it takes to find a dead silo: otherwise the directory's range stays locked for 26 s after a
        // crash.
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = TimeSpan.FromSeconds(4));
#pragma warning disable ORLEANSEXP003 // Without it a leaving silo takes activations on healthy silos with it.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
    }
}
