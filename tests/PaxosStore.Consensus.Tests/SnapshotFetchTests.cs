namespace PaxosStore.Consensus.Tests;

public class SnapshotFetchTests
{
    private static readonly NodeId Peer = new(2);
    private static readonly NodeId Other = new(3);
    private static readonly PaxosOptions Options = new() { SnapshotPause = TimeSpan.FromMilliseconds(5), ElectionTimeout = TimeSpan.FromMilliseconds(600) };
    private static readonly Configuration Three = new([new NodeId(1), Peer, Other]);

    private static TimeSpan Ms(double ms) => TimeSpan.FromMilliseconds(ms);

    private static SnapshotPiece Piece(int index, long through = 10, int digest = 1, int count = 3) =>
        new(new LogBase(new Slot(through), TimeSpan.Zero, [new(new Slot(1), Three)]), count, index, new[] { (byte)digest }, new byte[] { 7 });

    private static SnapshotRequest? Asked(Effects effects, NodeId peer)
    {
        var message = effects.Now.SingleOrDefault(o => o.To == peer && o.Role == Role.Learner).Message;
        effects.Clear();
        return (SnapshotRequest?)message;
    }

    private static (SnapshotFetch Fetch, Effects Effects) Begun()
    {
        var (fetch, effects) = (new SnapshotFetch(Options), new Effects());
        fetch.Begin(Peer, new Slot(4), Ms(0), effects);
        Assert.Equal(new SnapshotRequest(new Slot(4), Slot.Zero, 0), Asked(effects, Peer));
        return (fetch, effects);
    }

    [Fact]
    public void Pieces_are_asked_for_one_at_a_time_with_a_pause_after_each()
    {
        var (fetch, effects) = Begun();
        for (var index = 0; index < 3; index++)
        {
            var now = Ms(10 * index);
            Assert.True(fetch.Awaits(Peer, Piece(index)));
            fetch.Storing();
            fetch.Stored(Piece(index), now, effects);
            Assert.Equal(index + 1, fetch.Progress!.Stored);
            Assert.Equal((3, new Slot(10)), (fetch.Progress.Count, fetch.Progress.Base!.Through));
            fetch.Tick(now + Ms(4), effects);
            Assert.Null(Asked(effects, Peer));
            Assert.False(fetch.Tick(now + Ms(5), effects));
            var next = Asked(effects, Peer);
            if (index == 2) Assert.Null(next);
            else Assert.Equal(new SnapshotRequest(new Slot(4), new Slot(10), index + 1), next);
        }

        // Whole: nobody is to blame for what takes long now.
        Assert.False(fetch.Tick(Ms(10_000), effects));
        Assert.NotNull(fetch.Progress);
    }

    [Fact]
    public void Only_the_piece_asked_for_from_who_was_asked_is_awaited()
    {
        var (fetch, effects) = Begun();
        Assert.False(fetch.Awaits(Other, Piece(0)));
        Assert.False(fetch.Awaits(Peer, Piece(1)));
        fetch.Stored(Piece(0), Ms(0), effects);
        Assert.False(fetch.Awaits(Peer, Piece(1)));
        fetch.Tick(Ms(5), effects);

        Assert.True(fetch.Awaits(Peer, Piece(1)));
        Assert.False(fetch.Awaits(Peer, Piece(0)));
        Assert.False(fetch.Awaits(Peer, Piece(2)));
        Assert.False(fetch.Awaits(Other, Piece(1)));
    }

    [Theory]
    [InlineData(11, 1, 3)]
    [InlineData(10, 2, 3)]
    [InlineData(10, 1, 4)]
    public void Another_snapshot_begins_anew(int through, int digest, int count)
    {
        var (fetch, effects) = Begun();
        fetch.Stored(Piece(0), Ms(0), effects);
        fetch.Tick(Ms(5), effects);

        Assert.False(fetch.Awaits(Peer, Piece(1, through, digest, count)));
        Assert.True(fetch.Awaits(Peer, Piece(0, through, digest, count)));
        fetch.Stored(Piece(0, through, digest, count), Ms(5), effects);
        Assert.Equal((1, count, new Slot(through)), (fetch.Progress!.Stored, fetch.Progress.Count, fetch.Progress.Base!.Through));
    }

    [Fact]
    public void A_peer_that_falls_silent_is_left_and_the_next_goes_on_from_there()
    {
        var (fetch, effects) = Begun();
        fetch.Stored(Piece(0), Ms(0), effects);
        fetch.Tick(Ms(5), effects);
        effects.Clear();
        Assert.False(fetch.Tick(Ms(604), effects));
        Assert.True(fetch.Tick(Ms(605), effects));
        Assert.Null(fetch.Progress);

        fetch.Begin(Other, new Slot(4), Ms(610), effects);
        Assert.Equal(new SnapshotRequest(new Slot(4), new Slot(10), 1), Asked(effects, Other));
        Assert.True(fetch.Awaits(Other, Piece(1)));
    }

    [Fact]
    public void Each_peer_that_is_left_makes_it_wait_longer_for_the_next_until_a_snapshot_is_installed()
    {
        var (fetch, effects) = Begun();
        var now = Ms(0);
        foreach (var patience in new[] { 1, 2, 4, 8, 16, 16 })
        {
            fetch.Begin(Peer, new Slot(4), now, effects);
            Assert.False(fetch.Tick(now + Ms((600 * patience) - 1), effects));
            now += Ms(600 * patience);
            Assert.True(fetch.Tick(now, effects));
        }

        fetch.Installed();
        fetch.Begin(Peer, new Slot(10), now, effects);
        Assert.True(fetch.Tick(now + Ms(600), effects));
    }

    [Fact]
    public void A_peer_whose_answers_take_longer_than_an_election_timeout_is_waited_for_in_the_end()
    {
        var (fetch, effects) = Begun();
        var (now, answer) = (Ms(0), Ms(5_000));
        for (var asked = 0; fetch.Progress?.Stored != 3; asked++)
        {
            Assert.InRange(asked, 0, 20);
            fetch.Begin(Peer, new Slot(4), now, effects);
            while (now < answer && fetch.Progress is not null) fetch.Tick(now += Ms(5), effects);
            if (fetch.Progress is { } progress)
            {
                Assert.True(fetch.Awaits(Peer, Piece(progress.Stored)));
                fetch.Stored(Piece(progress.Stored), now, effects);
                fetch.Tick(now += Ms(5), effects);
            }

            answer = now + Ms(5_000);
        }
    }

    [Fact]
    public void Storing_may_take_longer_than_a_peer_may()
    {
        var (fetch, effects) = Begun();
        fetch.Storing();

        Assert.False(fetch.Tick(Ms(5_000), effects));
        Assert.NotNull(fetch.Progress);
    }

    [Fact]
    public void A_transfer_under_way_is_not_begun_again()
    {
        var (fetch, effects) = Begun();
        fetch.Begin(Other, new Slot(4), Ms(1), effects);

        Assert.Null(Asked(effects, Other));
        Assert.True(fetch.Awaits(Peer, Piece(0)));
    }

    [Fact]
    public void It_ends_when_the_peer_says_that_it_has_no_such_snapshot()
    {
        var (fetch, effects) = Begun();
        fetch.Stored(Piece(0), Ms(0), effects);
        fetch.OnGone(Other, new Slot(10));
        fetch.OnGone(Peer, new Slot(9));
        Assert.NotNull(fetch.Progress);

        fetch.OnGone(Peer, new Slot(10));
        Assert.Null(fetch.Progress);
        fetch.Begin(Peer, new Slot(4), Ms(1), effects);
        Assert.Equal(new SnapshotRequest(new Slot(4), Slot.Zero, 0), Asked(effects, Peer));
    }
}
