using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

public class ReadRoundsTests
{
    private static readonly NodeId N1 = new(1);
    private static readonly NodeId N2 = new(2);
    private static readonly NodeId N3 = new(3);
    private static readonly NodeId Reader = new(9);
    private static readonly ImmutableArray<Governing> Three = [new(new Slot(1), new Configuration([N1, N2, N3]))];

    private static ReadRounds New(PaxosOptions? options = null) => new(options ?? new PaxosOptions(), SafetyRules.Paxos, new Ballot(1, N1));

    private static IEnumerable<(long Number, Slot Slot)> Served(Effects effects) =>
        effects.Now.Where(o => o.To == Reader && o.Role == Role.Client).Select(o => o.Message).OfType<ReadBarrier>().Select(b => (b.Number, b.Slot));

    [Fact]
    public void A_read_is_served_by_a_quorum_of_answers_to_its_own_round_at_the_slot_chosen_when_that_began()
    {
        var (reads, effects) = (New(), new Effects());
        Assert.True(reads.TryAdd(Reader, 7));
        Assert.True(reads.TryBegin(new Slot(5), out var round));

        reads.Confirm(N1, round, Three, effects);
        Assert.Empty(Served(effects));

        // An answer to a confirmation before it, and a repeat, vouch for nothing.
        reads.Confirm(N2, round - 1, Three, effects);
        reads.Confirm(N1, round, Three, effects);
        Assert.Empty(Served(effects));

        Assert.Equal(round, reads.Confirm(N3, round, Three, effects));
        Assert.Equal([(7L, new Slot(5))], Served(effects));
    }

    [Fact]
    public void A_late_answer_does_not_take_back_a_newer_one()
    {
        var (reads, effects) = (New(), new Effects());
        var (first, second) = (reads.NextNumber(), reads.NextNumber());
        reads.Confirm(N2, second, Three, effects);
        reads.Confirm(N2, first, Three, effects);

        Assert.Equal(second, reads.Confirm(N1, second, Three, effects));
    }

    [Fact]
    public void A_quorum_of_every_configuration_that_governs_must_answer()
    {
        ImmutableArray<Governing> both = [.. Three, new(new Slot(9), new Configuration(1, 64, [new(N3, MemberKind.Voter), new(new NodeId(4), MemberKind.Voter)]))];
        var (reads, effects) = (New(), new Effects());
        reads.TryAdd(Reader, 1);
        reads.TryBegin(new Slot(2), out var round);

        reads.Confirm(N1, round, both, effects);
        reads.Confirm(N3, round, both, effects);
        Assert.Empty(Served(effects));

        reads.Confirm(new NodeId(4), round, both, effects);
        Assert.Single(Served(effects));
    }

    [Fact]
    public void Reads_that_come_during_a_round_share_a_later_one_and_no_more_rounds_fly_than_allowed()
    {
        var (reads, effects) = (New(new PaxosOptions { ReadRounds = 2 }), new Effects());
        Assert.False(reads.TryBegin(new Slot(1), out _));
        reads.TryAdd(Reader, 1);
        Assert.True(reads.TryBegin(new Slot(1), out var first));
        reads.TryAdd(Reader, 2);
        Assert.True(reads.TryBegin(new Slot(2), out var second));
        reads.TryAdd(Reader, 3);
        reads.TryAdd(Reader, 4);
        Assert.False(reads.TryBegin(new Slot(3), out _));

        reads.Confirm(N1, first, Three, effects);
        reads.Confirm(N2, first, Three, effects);
        Assert.Equal([(1L, new Slot(1))], Served(effects));

        Assert.True(reads.TryBegin(new Slot(4), out var third));
        Assert.True(first < second && second < third);
        reads.Confirm(N1, third, Three, effects);
        reads.Confirm(N3, third, Three, effects);
        Assert.Equal([(1L, new Slot(1)), (2L, new Slot(2)), (3L, new Slot(4)), (4L, new Slot(4))], Served(effects));
    }

    [Fact]
    public void So_many_reads_wait_and_no_more_until_some_were_served()
    {
        var (reads, effects) = (New(new PaxosOptions { QueueReads = 2 }), new Effects());
        Assert.True(reads.TryAdd(Reader, 1) && reads.TryAdd(Reader, 2));
        Assert.False(reads.TryAdd(Reader, 3));
        reads.TryBegin(new Slot(1), out var round);
        Assert.False(reads.TryAdd(Reader, 4));

        reads.Confirm(N1, round, Three, effects);
        reads.Confirm(N2, round, Three, effects);
        Assert.True(reads.TryAdd(Reader, 5) && reads.TryAdd(Reader, 6));
        Assert.False(reads.TryAdd(Reader, 7));
    }

    [Fact]
    public void Who_steps_down_tells_every_reader_that_waits_in_a_round_or_for_one()
    {
        var (reads, effects) = (New(), new Effects());
        reads.TryAdd(Reader, 1);
        reads.TryBegin(new Slot(1), out _);
        reads.TryAdd(Reader, 2);

        reads.RejectAll(effects);

        Assert.Equal<Message>([new ReadBarrierRejected(1, Rejection.NotLeader), new ReadBarrierRejected(2, Rejection.NotLeader)], effects.Now.Select(o => o.Message));
    }
}
