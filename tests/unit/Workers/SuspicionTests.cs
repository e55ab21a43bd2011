using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Workers;

public sealed class SuspicionTests
{
    private Suspicion suspicion = Suspicion.None;
    private TimeSpan now = TimeSpan.FromHours(1);

    private bool Holds => suspicion.Holds(now);

    [Fact]
    public void It_expires_unless_it_is_renewed()
    {
        Assert.False(Holds);
        Hear("g1", reached: false);
        Pass(9.9);
        Assert.True(Holds);
        Hear("g1", reached: false);
        Pass(9.9);
        Assert.True(Holds);
        Pass(0.1);
        Assert.False(Holds);
    }

    [Theory]
    [InlineData("g1")]
    [InlineData("g2")]
    public void Any_gateway_that_reaches_the_worker_ends_it(string by)
    {
        Hear("g1", reached: false);
        Pass(3);
        Hear(by, reached: true);
        Assert.False(Holds);
        // The worker was away and came back: who saw it go is believed the next time.
        Hear("g1", reached: false);
        Assert.True(Holds);
    }

    [Fact]
    public void Who_is_contradicted_at_once_is_not_believed_for_a_while_that_doubles()
    {
        foreach (var pause in (double[])[10, 20, 40, 80, 160, 320, 600, 600])
        {
            Hear("g1", reached: false);
            Assert.True(Holds);
            Pass(0.1);
            Hear("g2", reached: true);
            Assert.False(Holds);
            Pass(pause - 0.1);
            Hear("g1", reached: false);
            Assert.False(Holds, $"{pause} s");
            Pass(0.1);
        }
    }

    [Fact]
    public void Others_are_believed_all_the_same()
    {
        Hear("g1", reached: false);
        Hear("g2", reached: true);
        Hear("g1", reached: false);
        Assert.False(Holds);
        Hear("g3", reached: false);
        Assert.True(Holds);
    }

    [Fact]
    public void Who_reaches_it_is_believed_again()
    {
        Hear("g1", reached: false);
        Hear("g2", reached: true);
        Hear("g1", reached: true);
        Hear("g1", reached: false);
        Assert.True(Holds);
    }

    [Fact]
    public void A_gateway_that_reaches_it_right_after_it_failed_there_is_not_held_to_be_wrong()
    {
        Hear("g1", reached: false);
        Hear("g1", reached: true);
        Hear("g1", reached: false);
        Assert.True(Holds);
    }

    [Fact]
    public void What_is_remembered_is_bounded()
    {
        for (var i = 0; i < 100; i++)
        {
            Hear($"g{i}", reached: false);
            Hear("well", reached: true);
        }

        for (var i = 0; i < 100; i++)
        {
            Hear($"h{i}", reached: false);
        }

        Assert.InRange(suspicion.Discredited.Length, 1, Suspicion.MostRemembered);
        Assert.Equal(Suspicion.MostRemembered, suspicion.By.Length);
    }

    private void Hear(string gateway, bool reached) => suspicion = suspicion.Hear(new(gateway, 1, reached), now);

    private void Pass(double seconds) => now += TimeSpan.FromSeconds(seconds);
}
