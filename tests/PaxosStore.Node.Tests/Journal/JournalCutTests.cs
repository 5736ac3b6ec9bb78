using System.Collections.Immutable;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;

namespace PaxosStore.Node.Tests.Journal;

/// <summary>What a cut may delete: nothing that a base above it does not stand for, and never the last word on whose journal it is.</summary>
public sealed class JournalCutTests
{
    private static readonly Ballot Ballot = new(1, new NodeId(1));
    private static readonly Value NoOp = new(1, TimeSpan.Zero, 0, []);
    private static readonly Configuration Alone = new([new NodeId(1)]);

    private readonly JournalCut _cut = new();
    private long _sequenceNr;

    [Fact]
    public void Nothing_goes_before_a_base_is_durable()
    {
        Write(Identity());
        Write(Vote(1));
        Assert.False(_cut.TryNext(out _));
    }

    [Fact]
    public void Votes_up_to_the_base_go_and_the_base_and_the_identity_before_it_stay()
    {
        Write(Identity());
        Write(Vote(1), Vote(2));
        Write(Vote(3));
        Write(Identity(), Base(3));
        Write(Vote(4));
        Assert.Equal(3, Next());
        _cut.Done();
        Assert.False(_cut.TryNext(out _));
    }

    [Fact]
    public void An_identity_in_an_event_of_its_own_before_the_base_stays()
    {
        Write(Identity());
        Write(Vote(1));
        Write(Identity());
        Write(Base(1));
        Assert.Equal(2, Next());
    }

    [Fact]
    public void A_base_without_an_identity_of_its_own_keeps_the_first_one()
    {
        Write(Identity());
        Write(Vote(1));
        Write(Base(1));
        Assert.False(_cut.TryNext(out _));
    }

    [Fact]
    public void An_event_with_a_vote_above_the_base_stops_the_cut()
    {
        Write(Vote(1));
        Write(Vote(2), Vote(9));
        Write(Vote(3));
        Write(Identity(), Base(3));
        Assert.Equal(1, Next());
        _cut.Done();
        Assert.False(_cut.TryNext(out _));

        // Until a later base stands for it too.
        Write(Identity(), Base(9));
        Assert.Equal(4, Next());
    }

    [Fact]
    public void Much_goes_in_slices_one_at_a_time()
    {
        for (var i = 1; i <= 300; i++) Write(Vote(i));
        Write(Identity(), Base(300));
        Assert.Equal(128, Next());
        Assert.False(_cut.TryNext(out _));
        _cut.Done();
        Assert.Equal(256, Next());
        _cut.Done();
        Assert.Equal(300, Next());
    }

    private long Next()
    {
        Assert.True(_cut.TryNext(out var through));
        return through;
    }

    private void Write(params JournalRecord[] records) => _cut.Written(++_sequenceNr, new JournalBatch([.. records]));

    private static AcceptRecord Vote(long slot) => new(new Slot(slot), Ballot, NoOp);

    private static IdentityRecord Identity() => new(1, 1, "a");

    private static BaseRecord Base(long through) => new(LogBase.Initial(Alone) with { Through = new Slot(through) }, Ballot, new Slot(through), []);
}
