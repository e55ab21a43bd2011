using WorkerMesh.Grains.Assignment;

namespace WorkerMesh.Tests.Unit.Assignment;

public sealed class WorkerProfileTests
{
    [Theory]
    [InlineData("""{"has_gpu": true}""", "gpu", 1)]
    [InlineData("""{"worker_type": "gpu"}""", "gpu", 1)]
    [InlineData("""{"has_gpu": true, "has_edge": true, "has_storage": true, "worker_type": "cpu"}""", "gpu", 1)]
    [InlineData("""{"has_edge": true}""", "edge", 4)]
    [InlineData("""{"has_public_ip": true}""", "edge", 4)]
    [InlineData("""{"worker_type": "edge"}""", "edge", 4)]
    [InlineData("""{"has_edge": true, "worker_type": "storage"}""", "edge", 4)]
    [InlineData("""{"has_public_ip": true, "has_storage": true}""", "edge", 4)]
    [InlineData("""{"has_storage": true}""", "storage", 3)]
    [InlineData("""{"worker_type": "storage"}""", "storage", 3)]
    [InlineData("""{"has_storage": true, "worker_type": "cpu"}""", "storage", 3)]
    [InlineData("""{"worker_type": "cpu"}""", "cpu", 2)]
    [InlineData("""{"has_gpu": false, "worker_type": "cpu"}""", "cpu", 2)]
    public void The_capabilities_say_what_a_worker_is(string capabilities, string type, int tier) =>
        Assert.Equal(new WorkerProfile(type, tier), WorkerProfile.Of(capabilities));

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"has_gpu": false, "has_edge": false, "has_public_ip": false, "has_storage": false}""")]
    [InlineData("""{"has_gpu": null, "worker_type": null}""")]
    [InlineData("""{"worker_type": "quantum"}""")]
    [InlineData("""{"worker_type": 1}""")]
    [InlineData("""{"gpu": true, "cpu_cores": 8}""")]
    public void Where_nothing_says_it_is_a_cpu_worker_of_the_third_tier(string capabilities) =>
        Assert.Equal(new WorkerProfile("cpu", 3), WorkerProfile.Of(capabilities));

    [Theory]
    [InlineData("true", true)]
    [InlineData("1", true)]
    [InlineData("2.5", true)]
    [InlineData("\"true\"", true)]
    [InlineData("\"A100\"", true)]
    [InlineData("false", false)]
    [InlineData("0", false)]
    [InlineData("0.0", false)]
    [InlineData("\"\"", false)]
    [InlineData("\"False\"", false)]
    [InlineData("null", false)]
    [InlineData("[]", false)]
    public void A_flag_is_set_by_what_a_language_without_types_takes_for_true(string value, bool set) =>
        Assert.Equal(set ? "gpu" : "cpu", WorkerProfile.Of($$"""{"has_gpu": {{value}}}""").Type);

    [Theory]
    [InlineData("gpu", "gpu cpu")]
    [InlineData("cpu", "cpu")]
    [InlineData("storage", "storage")]
    [InlineData("edge", "edge")]
    public void A_gpu_worker_fits_what_needs_a_cpu_too_and_others_only_their_own(string type, string fits) => Assert.Equal(
        fits.Split(' ').Order(),
        WorkerProfile.Types.Where(new WorkerProfile(type, 1).Fits).Order());
}
