using WorkerMesh.Gateway.Routing;
using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Tests.Unit.Routing;

public sealed class WorkerLinkTests
{
    private readonly WorkerLink link = new(WorkerId.Parse("w"));

    [Fact]
    public void Each_failure_in_a_row_doubles_the_time_aside_up_to_30_s()
    {
        var now = TimeSpan.FromHours(1);
        foreach (var expected in (double[])[0.5, 1, 2, 4, 8, 16, 30, 30])
        {
            link.SetAside(now);
            Assert.True(link.IsSetAside(now + TimeSpan.FromSeconds(expected - 0.01)), $"{expected} s");
            now += TimeSpan.FromSeconds(expected);
            Assert.False(link.IsSetAside(now), $"{expected} s");
        }
    }

    [Fact]
    public void Many_requests_that_fail_at_once_count_as_one_failure()
    {
        var now = TimeSpan.FromHours(1);
        for (var i = 0; i < 50; i++)
        {
            link.SetAside(now);
        }

        Assert.False(link.IsSetAside(now + TimeSpan.FromSeconds(0.5)));
        Assert.Equal(50, link.Failures);
    }

    [Fact]
    public void After_its_time_aside_one_request_tries_it_and_the_others_wait_for_that()
    {
        var now = TimeSpan.FromHours(1);
        Assert.True(link.MayTry(now, out var trial));
        Assert.False(trial);
        link.SetAside(now);
        Assert.False(link.MayTry(now, out _));
        now += TimeSpan.FromSeconds(0.5);
        Assert.True(link.MayTry(now, out trial));
        Assert.True(trial);
        Assert.False(link.MayTry(now, out _));
        link.SetAside(now, trial);
        Assert.True(link.IsAvoided(repeatable: true, now + TimeSpan.FromSeconds(0.99)));
        Assert.True(link.MayTry(now + TimeSpan.FromSeconds(1), out _));
        link.Answered(0.01, now + TimeSpan.FromSeconds(1));
        Assert.True(link.MayTry(now + TimeSpan.FromSeconds(1), out trial));
        Assert.False(trial);
    }

    [Fact]
    public void A_trial_of_which_nothing_is_heard_is_followed_by_another()
    {
        var now = TimeSpan.FromHours(1);
        link.SetAside(now);
        Assert.True(link.MayTry(now + TimeSpan.FromSeconds(0.5), out _));
        Assert.False(link.MayTry(now + TimeSpan.FromSeconds(0.99), out _));
        Assert.True(link.MayTry(now + TimeSpan.FromSeconds(1), out _));
    }

    [Fact]
    public void A_worker_that_hangs_is_set_aside_for_no_less_than_it_kept_the_request_waiting()
    {
        var now = TimeSpan.FromHours(1);
        link.SetAside(now, mayHaveBeenSent: true, waited: TimeSpan.FromSeconds(5));
        Assert.True(link.IsSetAside(now + TimeSpan.FromSeconds(4.9)));
        Assert.False(link.IsSetAside(now + TimeSpan.FromSeconds(5)));
        link.SetAside(now + TimeSpan.FromSeconds(5), waited: TimeSpan.FromSeconds(120));
        Assert.False(link.IsSetAside(now + TimeSpan.FromSeconds(35)));
    }

    [Fact]
    public void What_could_be_lost_there_is_risked_only_30_s_later()
    {
        var now = TimeSpan.FromHours(1);
        link.SetAside(now, mayHaveBeenSent: true);
        now += TimeSpan.FromSeconds(0.5);
        Assert.False(link.IsAvoided(repeatable: true, now));
        Assert.True(link.IsAvoided(repeatable: false, now + TimeSpan.FromSeconds(29.9)));
        Assert.False(link.IsAvoided(repeatable: false, now + TimeSpan.FromSeconds(30)));
        link.SetAside(now);
        Assert.False(link.IsAvoided(repeatable: false, now + TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void An_answer_takes_it_back_at_once_and_forgets_the_row()
    {
        var now = TimeSpan.FromHours(1);
        link.SetAside(now);
        link.SetAside(now + TimeSpan.FromSeconds(1));
        link.Answered(0.01, now + TimeSpan.FromSeconds(1.1));
        Assert.False(link.IsSetAside(now + TimeSpan.FromSeconds(1.1)));
        link.SetAside(now + TimeSpan.FromSeconds(2));
        Assert.False(link.IsSetAside(now + TimeSpan.FromSeconds(2.5)));
    }

    [Fact]
    public void A_new_incarnation_starts_clean_and_the_same_one_does_not()
    {
        var now = TimeSpan.FromHours(1);
        link.Follow(1);
        link.SetAside(now);
        link.PassOver(0, 3);
        link.Follow(1);
        Assert.True(link.IsSetAside(now));
        Assert.Equal(1, link.Candidate);
        link.Follow(2);
        Assert.False(link.IsSetAside(now));
        Assert.Equal(0, link.Candidate);
    }

    [Fact]
    public void Requests_that_fail_at_one_url_together_move_on_by_one_url()
    {
        link.PassOver(0, 3);
        link.PassOver(0, 3);
        Assert.Equal(1, link.Candidate);
        link.PassOver(1, 3);
        link.PassOver(2, 3);
        Assert.Equal(0, link.Candidate);
    }

    [Fact]
    public void Peaks_count_at_once_and_fade()
    {
        var latency = new PeakEwma();
        var now = TimeSpan.FromHours(1);
        latency.Observe(0.01, now);
        latency.Observe(1, now);
        Assert.Equal(1, latency.Read(now));
        latency.Observe(0.01, now + TimeSpan.FromSeconds(1));
        Assert.Equal((Math.Exp(-1) * 1) + ((1 - Math.Exp(-1)) * 0.01), latency.Read(now + TimeSpan.FromSeconds(1)), 6);
    }
}
