namespace PaxosStore.Consensus.Tests;

public sealed class FollowersTests
{
    private static readonly NodeId Node = new(2);
    private readonly Followers _followers = new(window: 3);

    [Fact]
    public void Nobody_lives_before_it_has_answered()
    {
        Assert.False(_followers.IsAlive(Node));
        Ask(1);
        Assert.False(_followers.IsAlive(Node));
    }

    [Fact]
    public void Lives_as_long_as_it_has_answered_one_of_the_last_heartbeats()
    {
        Ask(1, 2, 3);
        _followers.Heard(Node, new Slot(7), 1);
        Assert.True(_followers.IsAlive(Node));
        Ask(5);
        Assert.False(_followers.IsAlive(Node));
    }

    [Fact]
    public void An_answer_that_took_long_tells_nothing_of_today()
    {
        Ask(10, 20, 30, 40);
        _followers.Heard(Node, new Slot(7), 19);
        Assert.False(_followers.IsAlive(Node));
        _followers.Heard(Node, new Slot(7), 20);
        Assert.True(_followers.IsAlive(Node));
        _followers.Heard(Node, new Slot(7), 11);
        Assert.True(_followers.IsAlive(Node));
    }

    [Fact]
    public void What_it_holds_does_not_shrink_by_an_answer_that_comes_late()
    {
        Assert.Equal(Slot.Zero, _followers.Chosen(Node));
        _followers.Heard(Node, new Slot(7), 2);
        _followers.Heard(Node, new Slot(5), 1);
        Assert.Equal(new Slot(7), _followers.Chosen(Node));
    }

    private void Ask(params long[] numbers)
    {
        foreach (var number in numbers) _followers.Asked(number);
    }
}
