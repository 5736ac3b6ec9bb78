using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>What is compared and counted: whether two acceptors hold the same value is decided here.</summary>
public class ValueTests
{
    private static readonly Configuration Changed = new(1, 8, [new Member(new NodeId(1), MemberKind.Voter, "abc"), new Member(new NodeId(2), MemberKind.Candidate, "de")]);

    private static Value Example(long round = 3, int seconds = 4, long wall = 5, byte first = 6, byte last = 7, Configuration? next = null) =>
        new(round, TimeSpan.FromSeconds(seconds), wall, [new byte[] { first }, new byte[] { 1, last }], next);

    [Fact]
    public void Values_are_equal_when_all_of_them_is()
    {
        Assert.Equal(Example(), Example());
        Assert.Equal(Example().GetHashCode(), Example().GetHashCode());
        Assert.Equal(Example(next: Changed), Example(next: new Configuration(1, 8, Changed.Members)));
        foreach (var other in (Value?[])[Example(round: 9), Example(seconds: 9), Example(wall: 9), Example(first: 9), Example(last: 9), Example(next: Changed), null])
            Assert.NotEqual(Example(), other);
        Assert.NotEqual(Example(), Example() with { Commands = [.. Example().Commands, ReadOnlyMemory<byte>.Empty] });
    }

    [Fact]
    public void A_value_is_as_large_as_what_is_in_it()
    {
        Assert.Equal(64, new Value(1, TimeSpan.Zero, 0, []).Size);
        Assert.Equal(64 + 9 + 10, Example().Size);
        Assert.Equal(64 + 9 + 10 + 35 + 34, Example(next: Changed).Size);
        Assert.Equal(128 + 83, new AcceptRecord(new Slot(1), Ballot.None, Example()).Size);
        Assert.Equal(128 + 83, new LearnRecord(new Slot(1), Example()).Size);
        Assert.Equal(128, new ChosenRecord(new Slot(1)).Size);
    }

    [Fact]
    public void What_waits_for_the_disk_is_counted_with_all_that_a_promise_reports()
    {
        var entry = new AcceptedEntry(new Slot(1), Ballot.None, Example());
        var promise = new Promise(Ballot.None, Slot.Zero, TimeSpan.Zero, new Slot(1), Slot.End, [entry, entry], []);
        Assert.Equal(3 * 128, new Outgoing(new NodeId(1), Role.Proposer, promise).WaitingSize);
        Assert.Equal(128, new Outgoing(new NodeId(1), Role.Proposer, new Accepted(Ballot.None, new Slot(1), 1)).WaitingSize);
    }

    [Fact]
    public void A_value_says_what_it_is()
    {
        Assert.Equal("NoOp@1", new Value(1, TimeSpan.Zero, 0, []).ToString());
        Assert.Equal("Commands(2)@3", Example().ToString());
        Assert.Equal($"{Changed}@1", new Value(1, TimeSpan.Zero, 0, [], Changed).ToString());
    }

    [Fact]
    public void Nodes_ballots_and_slots_are_in_order()
    {
        var (low, high) = (new NodeId(1), new NodeId(2));
        Assert.True(low < high && high > low && low <= high && high >= low);
        Assert.False(high < low || low > high || high <= low || low >= high);
        Assert.False(low < new NodeId(1) || low > new NodeId(1));
        Assert.True(low <= new NodeId(1) && low >= new NodeId(1));

        var (older, newer) = (new Ballot(1, high), new Ballot(2, low));
        Assert.True(older < newer && older <= newer && newer >= older && older <= new Ballot(1, high) && new Ballot(1, low) < older);
        Assert.False(newer <= older);
        Assert.Equal((new Slot(1), new Slot(2)), (Slot.Min(new Slot(1), new Slot(2)), Slot.Max(new Slot(1), new Slot(2))));
        Assert.Equal((new Slot(1), new Slot(2)), (Slot.Min(new Slot(2), new Slot(1)), Slot.Max(new Slot(2), new Slot(1))));
    }

    [Fact]
    public void Configurations_are_equal_when_all_of_them_is()
    {
        Member[] members = [.. Changed.Members];
        Assert.Equal(Changed, new Configuration(1, 8, members));
        Assert.True(Changed.Equals((object)new Configuration(1, 8, members)));
        foreach (var other in (Configuration?[])[new(2, 8, members), new(1, 9, members), new(1, 8, members, change: 1), new(1, 8, members[..1]), null])
            Assert.False(Changed.Equals(other));
    }

    [Fact]
    public void A_member_is_found_and_changed_by_its_id()
    {
        Assert.Equal("de", Changed.Find(new NodeId(2))!.Address);
        Assert.Null(Changed.Find(new NodeId(3)));
        var promoted = Changed.With(new NodeId(2), MemberKind.Observer);
        Assert.Equal((2, MemberKind.Voter, MemberKind.Observer), (promoted.Version, promoted.Members[0].Kind, promoted.Members[1].Kind));
    }

    [Fact]
    public void There_are_1_to_63_voters_and_alpha_is_at_least_1()
    {
        Assert.Equal(63, new Configuration(Enumerable.Range(1, 63).Select(i => new NodeId((ulong)i))).Voters.Length);
        Assert.Throws<ArgumentException>(() => new Configuration(Enumerable.Range(1, 64).Select(i => new NodeId((ulong)i))));
        Assert.Throws<ArgumentException>(() => new Configuration(0, 0, Changed.Members));
        Assert.Equal(1, new Configuration(0, 1, Changed.Members).Alpha);
    }

    [Fact]
    public void A_set_contains_what_is_in_it()
    {
        var two = new VoterSet(0b110);
        Assert.True(two.Contains(new VoterSet(0b010)) && two.Contains(two) && two.Contains(default));
        Assert.False(two.Contains(new VoterSet(0b011)));
    }

    [Fact]
    public void Bases_are_equal_when_all_of_them_is()
    {
        BaseRecord Record(long through = 1, long promised = 2, long chosen = 3, ulong met = 4) => new(
            new LogBase(new Slot(through), TimeSpan.Zero, [new Governing(new Slot(1), Changed)]), new Ballot(promised, new NodeId(1)), new Slot(chosen), [new MetRecord(new NodeId(1), met)]);

        Assert.Equal(Record(), Record());
        foreach (var other in (BaseRecord?[])[Record(through: 9), Record(promised: 9), Record(chosen: 9), Record(met: 9), null]) Assert.NotEqual(Record(), other);
    }

    [Fact]
    public void A_broken_invariant_stops_whoever_notices()
    {
        InvariantViolationException.ThrowUnless(true, "holds");
        Assert.Contains("does not", Assert.Throws<InvariantViolationException>(() => InvariantViolationException.ThrowUnless(false, "does not")).Message, StringComparison.Ordinal);
    }
}
