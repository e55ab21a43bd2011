using Microsoft.Extensions.Time.Testing;
using WorkerMesh.Gateway.Cluster;
using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Tests.Unit.Cluster;

/// <summary>How a gateway gathers registrations of new workers into messages.</summary>
public sealed class SiloRegistrationsTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly FakeSilos silos;
    private readonly SiloRegistrations registrations;

    public SiloRegistrationsTests()
    {
        (var factory, silos) = FakeSilos.Create();
        registrations = new(new(factory, new ClusterLink(), clock), clock);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_while_enough_is_under_way_follows_in_one_message_and_each_gets_its_own_answer()
    {
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        var adding = Enumerable.Range(0, SiloRegistrations.MostUnderWay + 20).Select(i => Add(i, floor: i)).ToList();
        await BegunAsync(SiloRegistrations.MostUnderWay);
        Assert.Empty(silos.Messages);

        hold.SetResult();
        var answers = await Task.WhenAll(adding).WaitAsync(Token);
        Assert.Equal(Enumerable.Range(0, answers.Length).Select(Name), answers.Select(a => a.Failure));
        Assert.Equal(
            [.. Enumerable.Repeat(1, SiloRegistrations.MostUnderWay), 20],
            silos.TakeMessages().Select(m => m.Workers));
        Assert.Equal(answers.Length - 1, silos.Floors.Max());
    }

    [Fact]
    public async Task A_message_has_its_most()
    {
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        var adding = Enumerable.Range(0, SiloRegistrations.MostUnderWay + SiloRegistrations.MostInOne + 1).Select(i => Add(i)).ToList();
        hold.SetResult();
        await Task.WhenAll(adding).WaitAsync(Token);
        Assert.Equal(SiloRegistrations.MostInOne, silos.Messages.Max(m => m.Workers));
    }

    [Fact]
    public async Task Silos_that_hang_hold_up_only_what_was_sent_to_them()
    {
        silos.Held = new TaskCompletionSource().Task;
        var hanging = Enumerable.Range(0, SiloRegistrations.MostUnderWay).Select(i => Add(i)).ToList();
        await BegunAsync(SiloRegistrations.MostUnderWay);
        silos.Held = Task.CompletedTask;
        var waiting = Add(100);
        Assert.False(waiting.IsCompleted);

        clock.Advance(SiloRegistrations.Patience);
        Assert.Equal(Name(100), (await waiting.WaitAsync(Token)).Failure);
        Assert.Equal(Name(101), (await Add(101).WaitAsync(Token)).Failure);
        Assert.All(hanging, task => Assert.False(task.IsCompleted));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_no_silo_answers_or_knows_the_message_the_grain_is_left_to_be_called(bool old)
    {
        silos.Old = old;
        silos.Dead.Add(0);
        Assert.All(await Task.WhenAll(Add(1), Add(2)).WaitAsync(Token), answer => Assert.Equal(default, answer));

        (silos.Old, _) = (false, silos.Dead.Remove(0));
        Assert.Equal(Name(3), (await Add(3).WaitAsync(Token)).Failure);
    }

    private static string Name(int number) => $"w{number}";

    private async Task BegunAsync(int messages)
    {
        for (var i = 0; i < messages; i++)
        {
            await silos.Begun.WaitAsync(Token);
        }
    }

    private Task<NewWorkerAnswer> Add(int number, long floor = 0) => registrations.Add(
        new(WorkerId.Parse(Name(number)), new Registration { Urls = ["http://127.0.0.1:9"], Services = [] }, Guid.NewGuid()), floor);
}
