using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Tests.Unit.Hosting;

public sealed class ServiceOptionsTests
{
    private readonly GatewayOptions options = new() { QueueLength = 7, QueueTimeout = TimeSpan.FromSeconds(8) };

    [Fact]
    public void What_a_service_type_does_not_say_is_as_for_all()
    {
        options.Services["ocr"] = new() { QueueLength = 3 };
        options.Services["ner"] = new() { QueueTimeout = TimeSpan.FromSeconds(1) };
        Assert.Equal(new(3, TimeSpan.FromSeconds(8)), Of("ocr").Queue);
        Assert.Equal(new(7, TimeSpan.FromSeconds(1)), Of("ner").Queue);
        Assert.Equal(new(7, TimeSpan.FromSeconds(8)), Of("rag").Queue);
    }

    [Theory]
    [InlineData(0, 0.01, true)]
    [InlineData(100_000, 3600.0, true)]
    [InlineData(-1, 1.0, false)]
    [InlineData(100_001, 1.0, false)]
    [InlineData(1, 0.001, false)]
    [InlineData(1, 3601.0, false)]
    public void A_bad_value_names_the_service_type_and_the_option(int length, double seconds, bool good)
    {
        options.Services["ocr"] = new() { QueueLength = length, QueueTimeout = TimeSpan.FromSeconds(seconds) };
        var result = new ServicesValidator().Validate(null, options);
        Assert.Equal(good, !result.Failed);
        Assert.True(good || result.FailureMessage!.Contains("Gateway:Services:ocr.Queue", StringComparison.Ordinal), result.FailureMessage);
    }

    private RouteSettings Of(string serviceType) => RouteSettings.Of(ServiceType.ParseKey(serviceType), options);
}
