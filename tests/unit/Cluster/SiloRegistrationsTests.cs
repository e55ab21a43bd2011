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
    private readonly SiloList list = new();
    private readonly SiloRegistrations registrations;

    public SiloRegistrationsTests()
    {
        (var factory, silos) = FakeSilos.Create();
        registrations = new(new(factory, new ClusterLink(), clock), list, clock);
        list.Set([FakeSilos.Address(0)]);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_while_enough_is_under_way_follows_in_one_message_and_each_gets_its_own_answer()
    {
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        var adding = Enumerable.Range(0, SiloLane.MostUnderWay + 20).Select(i => Add(i, floor: i)).ToList();
        await silos.BegunAsync(SiloLane.MostUnderWay);
        Assert.Empty(silos.Messages);

        hold.SetResult();
        var answers = await Task.WhenAll(adding).WaitAsync(Token);
        Assert.Equal(Enumerable.Range(0, answers.Length).Select(Name), answers.Select(a => a.Failure));
        Assert.Equal(
            [.. Enumerable.Repeat(1, SiloLane.MostUnderWay), 20],
            silos.TakeMessages().Select(m => m.Workers));
        Assert.Equal(answers.Length - 1, silos.Floors.Max());
    }

    [Fact]
    public async Task A_message_has_its_most()
    {
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        var adding = Enumerable.Range(0, SiloLane.MostUnderWay + SiloRegistrations.MostInOne + 1).Select(i => Add(i)).ToList();
        hold.SetResult();
        await Task.WhenAll(adding).WaitAsync(Token);
        Assert.Equal(SiloRegistrations.MostInOne, silos.Messages.Max(m => m.Workers));
    }

    [Fact]
    public async Task Silos_that_hang_hold_up_only_what_was_sent_to_them()
    {
        silos.Held = new TaskCompletionSource().Task;
        var hanging = Enumerable.Range(0, SiloLane.MostUnderWay).Select(i => Add(i)).ToList();
        await silos.BegunAsync(SiloLane.MostUnderWay);
        silos.Held = Task.CompletedTask;
        var waiting = Add(100);
        Assert.False(waiting.IsCompleted);

        clock.Advance(SiloLane.Patience);
        Assert.Equal(Name(100), (await waiting.WaitAsync(Token)).Failure);
        Assert.Equal(Name(101), (await Add(101).WaitAsync(Token)).Failure);
        Assert.All(hanging, task => Assert.False(task.IsCompleted));
    }

    [Fact]
    public async Task Messages_go_to_all_silos_in_equal_numbers_and_as_many_for_each_are_under_way()
    {
        list.Set(Enumerable.Range(0, 3).Select(FakeSilos.Address));
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => Add(i))).WaitAsync(Token);
        Assert.Equal([(0, 1), (1, 1), (2, 1)], silos.TakeMessages());

        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        var adding = Enumerable.Range(0, 3 * (SiloLane.MostUnderWay + 5)).Select(i => Add(i)).ToList();
        hold.SetResult();
        await Task.WhenAll(adding).WaitAsync(Token);
        Assert.Equal(
            Enumerable.Range(0, 3).SelectMany(silo =>
                Enumerable.Repeat((silo, 1), SiloLane.MostUnderWay).Append((silo, 5))),
            silos.TakeMessages());
    }

    [Fact]
    public async Task A_worker_goes_to_the_silo_that_has_its_registry_until_that_has_it_no_longer()
    {
        list.Set(Enumerable.Range(0, 3).Select(FakeSilos.Address));
        silos.Registries[1] = ["ocr"];
        for (var i = 0; i < 4; i++)
        {
            await Add(i, service: "ocr").WaitAsync(Token);
        }

        // Found after two others at most.
        var search = silos.TakeMessages();
        Assert.InRange(search.Count(m => m.Silo == 1), 2, 4);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => Add(i, service: "ocr"))).WaitAsync(Token);
        Assert.All(silos.TakeMessages(), message => Assert.Equal(1, message.Silo));

        silos.Registries[1] = [];
        await Add(0, service: "ocr").WaitAsync(Token);
        silos.TakeMessages();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => Add(i, service: "ocr"))).WaitAsync(Token);
        Assert.Equal([0, 1, 2], silos.TakeMessages().Select(m => m.Silo));
    }

    [Fact]
    public async Task What_waits_for_a_silo_that_does_not_answer_is_left_to_the_grain()
    {
        var hold = new TaskCompletionSource();
        silos.Held = hold.Task;
        silos.Dead.Add(0);
        var adding = Enumerable.Range(0, SiloLane.MostUnderWay + 5).Select(i => Add(i)).ToList();
        hold.SetResult();

        Assert.All(await Task.WhenAll(adding).WaitAsync(Token), answer => Assert.Equal(default, answer));
        Assert.All(silos.TakeMessages(), message => Assert.Equal(1, message.Workers));
    }

    [Fact]
    public async Task A_silo_that_hangs_gets_no_more_while_others_answer()
    {
        list.Set(Enumerable.Range(0, 2).Select(FakeSilos.Address));
        silos.Held = new TaskCompletionSource().Task;
        var hanging = Add(0);
        await silos.BegunAsync(1);
        silos.Held = Task.CompletedTask;

        for (var i = 1; i <= 5; i++)
        {
            Assert.Equal(Name(i), (await Add(i).WaitAsync(Token)).Failure);
        }

        Assert.Single(silos.TakeMessages().Select(m => m.Silo).Distinct());
        Assert.False(hanging.IsCompleted);
    }

    [Fact]
    public async Task A_silo_that_does_not_answer_is_not_asked_for_a_while()
    {
        list.Set(Enumerable.Range(0, 2).Select(FakeSilos.Address));
        silos.Dead.Add(0);
        var answers = await Task.WhenAll(Add(0), Add(1)).WaitAsync(Token);
        Assert.Single(answers, answer => answer == default);
        silos.TakeMessages();

        Assert.Equal(Name(2), (await Add(2).WaitAsync(Token)).Failure);
        Assert.Equal(Name(3), (await Add(3).WaitAsync(Token)).Failure);
        Assert.Equal([(1, 1), (1, 1)], silos.TakeMessages());

        silos.Dead.Remove(0);
        clock.Advance(SiloRegistrations.Rest);
        await Task.WhenAll(Add(4), Add(5)).WaitAsync(Token);
        Assert.Equal([(0, 1), (1, 1)], silos.TakeMessages());
    }

    [Fact]
    public async Task Silos_that_come_are_asked_and_those_that_left_the_list_are_not()
    {
        list.Set([FakeSilos.Address(1)]);
        await Add(0).WaitAsync(Token);
        list.Set([FakeSilos.Address(2), FakeSilos.Address(3)]);
        await Task.WhenAll(Add(1), Add(2)).WaitAsync(Token);
        Assert.Equal([(1, 1), (2, 1), (3, 1)], silos.TakeMessages());
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
        clock.Advance(SiloRegistrations.Rest);
        Assert.Equal(Name(3), (await Add(3).WaitAsync(Token)).Failure);
    }

    [Fact]
    public async Task Where_no_silo_is_known_the_grain_is_left_to_be_called()
    {
        list.Set([]);
        Assert.Equal(default, await Add(1).WaitAsync(Token));
    }

    private static string Name(int number) => $"w{number}";

    private Task<NewWorkerAnswer> Add(int number, long floor = 0, string? service = null) => registrations.Add(
        new(
            WorkerId.Parse(Name(number)),
            new Registration { Urls = ["http://127.0.0.1:9"], Services = service is null ? [] : [ServiceType.ParseKey(service)] },
            Guid.NewGuid()),
        floor);
}
