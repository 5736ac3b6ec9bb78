using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>One proposer that leads three voters; the test answers for them.</summary>
public class LeaderTests
{
    private static readonly NodeId N1 = new(1);
    private static readonly NodeId N2 = new(2);
    private static readonly NodeId N3 = new(3);
    private static readonly ImmutableArray<Governing> Three = [new(new Slot(1), new Configuration([N1, N2, N3]))];

    private readonly Dictionary<NodeId, List<Accept>> _sent = new() { [N1] = [], [N2] = [], [N3] = [] };
    private readonly List<Message> _toClients = [];
    private Proposer _leader = null!;
    private long _ms;

    // Its opening no-op is in flight in slot 1.
    private void Lead(PaxosOptions options)
    {
        foreach (var sent in _sent.Values) sent.Clear();
        _leader = new Proposer(N1, Three, options, Ballot.None, seed: 1);
        Step(N2, new TakeOver(Ballot.None));
        foreach (var voter in new[] { N1, N2 }) Step(voter, new Promise(_leader.Ballot, Slot.Zero, TimeSpan.Zero, new Slot(1), Slot.End, [], Three));
        Assert.Equal(ProposerPhase.Leading, _leader.Phase);
        Assert.True(Assert.Single(Assert.Single(Sent(N2)).Values).IsNoOp);
        Sent(N1);
        Sent(N3);
    }

    private void Step(NodeId from, Message message) => Take(_leader.Step(from, message, new Instant(TimeSpan.FromMilliseconds(_ms), 0)));

    private void TickAt(long ms)
    {
        _ms = ms;
        Take(_leader.Tick(new Instant(TimeSpan.FromMilliseconds(ms), 0)));
    }

    private void Take(Effects effects)
    {
        foreach (var (to, role, message) in effects.Now)
        {
            if (message is Accept accept) _sent[to].Add(accept);
            else if (role == Role.Client) _toClients.Add(message);
        }
    }

    private Accept[] Sent(NodeId to)
    {
        Accept[] sent = [.. _sent[to]];
        _sent[to].Clear();
        return sent;
    }

    private void Propose(params int[] sizes) => Step(N1, new Propose(7, [.. sizes.Select(s => (ReadOnlyMemory<byte>)new byte[s])]));

    private void Choose(long slot)
    {
        foreach (var voter in new[] { N1, N2 }) Step(voter, new Accepted(_leader.Ballot, new Slot(slot), 1));
    }

    /// <summary>What was proposed since last asked: slot, and the sizes of the commands.</summary>
    private void AssertProposed(params string[] batches) =>
        Assert.Equal(batches, Sent(N2).Select(a => $"{a.First.Number}: {string.Join(' ', Assert.Single(a.Values).Commands.Select(c => c.Length))}"));

    /// <summary>As after a sleep: others may lead and count the time by now. It waits to be heard, or to hear that it is replaced.</summary>
    [Fact]
    public void Who_was_not_heard_for_an_election_timeout_proposes_nothing_until_it_is()
    {
        var options = new PaxosOptions();
        Lead(options);
        Choose(1);
        _ms = (long)options.ElectionTimeout.TotalMilliseconds - 1;
        Propose(1);
        AssertProposed("2: 1");

        _ms += 1;
        Propose(2);
        TickAt(_ms);
        Choose(2);
        AssertProposed();

        foreach (var voter in new[] { N1, N2 }) Step(voter, new Confirmed(_leader.Ballot, 2, new Slot(2)));
        AssertProposed("3: 2");
    }

    [Fact]
    public void Commands_gather_while_slots_are_in_flight()
    {
        Lead(new PaxosOptions { EagerSlots = 2 });
        Propose(1);
        AssertProposed("2: 1");
        Propose(2);
        Propose(3);
        AssertProposed();

        Choose(1);
        AssertProposed("3: 2 3");
    }

    [Fact]
    public void A_full_batch_does_not_wait()
    {
        Lead(new PaxosOptions { EagerSlots = 1, BatchBytes = 100 });
        Propose(40);
        AssertProposed();

        Propose(60);
        AssertProposed("2: 40 60");
    }

    [Fact]
    public void A_batch_has_its_bound_but_a_larger_command_goes_alone()
    {
        Lead(new PaxosOptions { EagerSlots = 2, MaxBatchBytes = 100 });
        Propose(60, 40, 1);
        AssertProposed("2: 60 40");
        Choose(1);
        AssertProposed("3: 1");
        Choose(2);
        AssertProposed();

        Propose(500, 1);
        AssertProposed("4: 500");
        Choose(3);
        AssertProposed("5: 1");
    }

    [Fact]
    public void No_more_slots_and_bytes_are_in_flight_than_allowed()
    {
        Lead(new PaxosOptions { EagerSlots = 10, PipelineWindow = 2 });
        Propose(1);
        Propose(2);
        AssertProposed("2: 1");
        Choose(1);
        AssertProposed("3: 2");

        Lead(new PaxosOptions { EagerSlots = 10, PipelineBytes = 100 });
        Propose(50);
        Propose(2);
        AssertProposed("2: 50");
        Choose(1);
        AssertProposed();
        Choose(2);
        AssertProposed("3: 2");
    }

    [Fact]
    public void Of_a_message_that_the_queue_has_no_room_for_nothing_is_taken()
    {
        Lead(new PaxosOptions { EagerSlots = 1, QueueCommands = 3 });
        Propose(1, 2);
        Propose(3, 4);
        Assert.Equal<Message>([new ProposeRejected(7, Rejection.Overloaded)], _toClients);

        Propose(5);
        Choose(1);
        AssertProposed("2: 1 2 5");
    }

    [Fact]
    public void A_queue_has_a_bound_in_bytes_but_a_larger_command_finds_room_in_an_empty_one()
    {
        Lead(new PaxosOptions { EagerSlots = 1, QueueBytes = 10 });
        Propose(20);
        Assert.Empty(_toClients);
        Propose(1);
        Assert.Single(_toClients);

        Choose(1);
        AssertProposed("2: 20");
        Propose(4, 6);
        Assert.Single(_toClients);
        Propose(1);
        Assert.Equal(2, _toClients.Count);
    }

    [Fact]
    public void What_a_voter_has_not_answered_for_two_heartbeats_is_sent_to_it_again()
    {
        Lead(new PaxosOptions());
        Step(N1, new Accepted(_leader.Ballot, new Slot(1), 1));
        TickAt(100);
        Assert.Empty(Sent(N2));

        TickAt(200);
        Assert.Empty(Sent(N1));
        Assert.Equal(new Slot(1), Assert.Single(Sent(N2)).First);
        Assert.Equal(new Slot(1), Assert.Single(Sent(N3)).First);
        TickAt(300);
        Assert.Empty(Sent(N2));
        TickAt(400);
        Assert.Single(Sent(N2));
    }

    [Fact]
    public void A_leader_that_no_quorum_answers_steps_down_and_tells_who_waits_for_a_read()
    {
        Lead(new PaxosOptions());
        Step(N3, new ReadBarrierRequest(5));
        for (var ms = 100; ms <= 600; ms += 100) TickAt(ms);
        Assert.Equal(ProposerPhase.Leading, _leader.Phase);
        Assert.Empty(_toClients);

        TickAt(700);
        TickAt(800);
        Assert.NotEqual(ProposerPhase.Leading, _leader.Phase);
        Assert.Equal<Message>([new ReadBarrierRejected(5, Rejection.NotLeader)], _toClients);
    }

    [Fact]
    public void A_leader_that_a_quorum_answers_stays_one_that_hears_a_minority_does_not()
    {
        foreach (var answers in new[] { 1, 2 })
        {
            (_ms, var number) = (0, 0L);
            Lead(new PaxosOptions());
            for (var ms = 100; ms <= 3_000; ms += 100)
            {
                TickAt(ms);
                number++;
                foreach (var voter in new[] { N1, N2 }.Take(answers)) Step(voter, new Confirmed(_leader.Ballot, number, Slot.Zero));
            }

            Assert.Equal(answers == 2, _leader.Phase == ProposerPhase.Leading);
        }
    }
}
