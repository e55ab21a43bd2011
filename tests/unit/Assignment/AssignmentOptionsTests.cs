using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WorkerMesh.Grains;
using WorkerMesh.Grains.Assignment;

namespace WorkerMesh.Tests.Unit.Assignment;

public sealed class AssignmentOptionsTests
{
    [Fact]
    public void Where_nothing_is_configured_the_defaults_are_in_force()
    {
        var options = Bind();
        Assert.Equal(14, options.Catalog.Count);
        Assert.Equal(
            "llm=llm-inference ner=ner-extraction notes=notes-coa ocr=vision-ocr rag=rag-embeddings upload=document-processing",
            string.Join(' ', options.Aliases.OrderBy(a => a.Key).Select(a => $"{a.Key}={a.Value}")));
        Assert.Equal(TimeSpan.FromSeconds(90), options.CoordinatorLease);
    }

    [Fact]
    public void Configured_lists_take_the_place_of_the_defaults()
    {
        var options = Bind([.. Service(0, "one"), .. Service(1, "two"), ("ShortNames:1st", "one"), ("CoordinatorLease", "00:00:03")]);
        Assert.Equal(["one", "two"], options.Catalog.Select(s => s.Name));
        var one = options.Catalog[0];
        Assert.Equal(("storage", 3, 2, 9000), (one.Requires, one.Tier, one.Priority, one.Port));
        Assert.Equal([new("1st", "one")], options.Aliases);
        Assert.Equal(TimeSpan.FromSeconds(3), options.CoordinatorLease);
    }

    [Theory]
    [InlineData("Services:0:Name", "no spaces", "Assignment:Services:0:Name")]
    [InlineData("Services:0:Name", "", "Assignment:Services:0:Name")]
    [InlineData("Services:1:Name", "one", "repeats 'one'")]
    [InlineData("Services:1:Requires", "GPU", "it must be gpu, cpu, storage or edge")]
    [InlineData("Services:1:Requires", "", "Assignment:Services:1:Requires")]
    [InlineData("Services:0:Priority", "0", "Assignment:Services:0:Priority")]
    [InlineData("Services:0:Port", "0", "Assignment:Services:0:Port")]
    [InlineData("Services:0:Port", "65536", "Assignment:Services:0:Port")]
    [InlineData("Services:0:Tier", "0", "Assignment:Services:0:Tier")]
    [InlineData("Services:0:Tier", "5", "Assignment:Services:0:Tier")]
    [InlineData("ShortNames:one two", "one", "Assignment:ShortNames:one two")]
    [InlineData("ShortNames:x", "one two", "Assignment:ShortNames:x")]
    [InlineData("CoordinatorLease", "00:00:01.9", "Assignment:CoordinatorLease")]
    [InlineData("CoordinatorLease", "01:00:00.1", "Assignment:CoordinatorLease")]
    public void What_cannot_work_is_refused_by_name(string key, string value, string says)
    {
        var fault = Assert.Throws<OptionsValidationException>(
            () => Bind([.. Service(0, "one"), .. Service(1, "two"), (key, value)]));
        Assert.Contains(fault.Failures, f => f.Contains(says, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void There_may_be_64_services(int count, bool accepted)
    {
        (string, string)[] services = [.. Enumerable.Range(0, count).SelectMany(i => Service(i, $"s{i}"))];
        if (accepted)
        {
            Assert.Equal(count, Bind(services).Catalog.Count);
        }
        else
        {
            Assert.Throws<OptionsValidationException>(() => Bind(services));
        }
    }

    [Theory]
    [InlineData("00:00:02")]
    [InlineData("01:00:00")]
    public void The_borders_of_the_lease_are_accepted(string lease) =>
        Assert.Equal(lease, Bind(("CoordinatorLease", lease)).CoordinatorLease.ToString());

    private static (string Key, string Value)[] Service(int index, string name) =>
    [
        ($"Services:{index}:Name", name),
        ($"Services:{index}:Requires", "storage"),
        ($"Services:{index}:Tier", "3"),
        ($"Services:{index}:Priority", "2"),
        ($"Services:{index}:Port", "9000"),
    ];

    /// <summary>The options as a silo or gateway with these settings has them; later settings replace earlier ones.</summary>
    private static AssignmentOptions Bind(params (string Key, string Value)[] settings)
    {
        var values = new Dictionary<string, string?>();
        foreach (var (key, value) in settings)
        {
            values[$"{AssignmentOptions.Section}:{key}"] = value;
        }

        using var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(values).Build())
            .AddAssignmentOptions()
            .BuildServiceProvider();
        return services.GetRequiredService<IOptions<AssignmentOptions>>().Value;
    }
}
