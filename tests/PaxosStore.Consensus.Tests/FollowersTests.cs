namespace PaxosStore.Consensus.Tests;

public class FollowersTests
{
    private static readonly NodeId N1 = new(1);

    [Fact]
    public void A_member_never_seems_to_fall_back_and_is_alive_from_when_it_was_heard_last()
    {
        var followers = new Followers();
        Assert.Equal(Slot.Zero, followers.Chosen(N1));
        Assert.False(followers.HeardSince(N1, TimeSpan.MinValue));

        followers.Heard(N1, new Slot(5), TimeSpan.FromSeconds(1));
        followers.Heard(N1, new Slot(3), TimeSpan.FromSeconds(2));

        Assert.Equal(new Slot(5), followers.Chosen(N1));
        Assert.True(followers.HeardSince(N1, TimeSpan.FromSeconds(2)));
        Assert.False(followers.HeardSince(N1, TimeSpan.FromSeconds(2.1)));
    }
}
