using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>How one proposer of three comes to lead, and how it gives way.</summary>
public class ProposerTests
{
    private const int Heartbeat = 100;
    private const int Timeout = 600;
    private static readonly NodeId N1 = new(1);
    private static readonly NodeId N2 = new(2);
    private static readonly NodeId N3 = new(3);
    private static readonly ImmutableArray<Governing> Three = [new(new Slot(1), new Configuration([N1, N2, N3]))];

    private readonly List<Outgoing> _sent = [];
    private Proposer _proposer = Fresh();
    private long _ms;

    private static Proposer Fresh(ulong seed = 1, long promised = 0, ImmutableArray<Governing>? governing = null) =>
        new(N1, governing ?? Three, new PaxosOptions(), new Ballot(promised, N1), seed);

    private void Step(NodeId from, Message message) => Take(_proposer.Step(from, message, new Instant(TimeSpan.FromMilliseconds(_ms), 0)));

    private void TickAt(long ms)
    {
        _ms = ms;
        Take(_proposer.Tick(new Instant(TimeSpan.FromMilliseconds(ms), 0)));
    }

    private void Take(Effects effects) => _sent.AddRange(effects.Now);

    private (NodeId To, T Message)[] Sent<T>()
        where T : Message
    {
        (NodeId, T)[] of = [.. _sent.Where(s => s.Message is T).Select(s => (s.To, (T)s.Message))];
        _sent.Clear();
        return of;
    }

    /// <summary>Lets time pass in steps of 10 ms until it does something else.</summary>
    private long UntilPhase(ProposerPhase phase, long limit)
    {
        for (var begin = _ms; _proposer.Phase != phase; TickAt(_ms + 10)) Assert.True(_ms - begin <= limit, $"still {_proposer.Phase} after {_ms - begin} ms");
        return _ms;
    }

    private void Probes()
    {
        TickAt(_ms);
        UntilPhase(ProposerPhase.Probing, 2 * Timeout);
    }

    private void Prepares(long round = 0)
    {
        Probes();
        var number = Sent<Probe>()[0].Message.Number;
        Step(N1, new ProbeAnswer(number, true, round));
        Step(N2, new ProbeAnswer(number, true, 0));
        Assert.Equal(ProposerPhase.Preparing, _proposer.Phase);
    }

    private void Promises(NodeId from, long held = 0) =>
        Step(from, new Promise(_proposer.Ballot, new Slot(held), TimeSpan.Zero, new Slot(held + 1), Slot.End, [], Three));

    private void Leads()
    {
        Prepares();
        Promises(N1);
        Promises(N2);
        Assert.Equal(ProposerPhase.Leading, _proposer.Phase);
        _sent.Clear();
    }

    [Fact]
    public void Who_hears_of_no_leader_asks_everybody_after_one_to_two_election_timeouts()
    {
        var times = new List<long>();
        for (ulong seed = 0; seed < 20; seed++)
        {
            (_proposer, _ms) = (Fresh(seed), 0);
            TickAt(0);
            times.Add(UntilPhase(ProposerPhase.Probing, 2 * Timeout));
            Assert.Equal([N1, N2, N3], Sent<Probe>().Select(p => p.To));
        }

        Assert.InRange(times.Min(), Timeout, Timeout + 200);
        Assert.InRange(times.Max(), (2 * Timeout) - 200, 2 * Timeout);
    }

    [Fact]
    public void A_lone_voter_does_not_wait()
    {
        _proposer = Fresh(governing: [new(new Slot(1), new Configuration([N1]))]);
        TickAt(0);
        Assert.Equal(ProposerPhase.Probing, _proposer.Phase);
    }

    [Fact]
    public void Who_has_no_vote_asks_nobody()
    {
        _proposer = Fresh(governing: [new(new Slot(1), new Configuration([N2, N3], [N1]))]);
        for (var ms = 0; ms < 10 * Timeout; ms += 50) TickAt(ms);
        Step(N2, new TakeOver(Ballot.None));
        Assert.Empty(_sent);
    }

    [Fact]
    public void A_quorum_must_answer_this_very_probe_with_yes()
    {
        Probes();
        var number = Sent<Probe>()[0].Message.Number;
        Step(N1, new ProbeAnswer(number, true, 0));
        Step(N2, new ProbeAnswer(number, false, 0));
        Step(N3, new ProbeAnswer(number - 1, true, 0));
        Assert.Equal(ProposerPhase.Probing, _proposer.Phase);
        Step(N3, new ProbeAnswer(number, true, 0));
        Assert.Equal(ProposerPhase.Preparing, _proposer.Phase);
    }

    [Fact]
    public void A_probe_that_came_to_nothing_is_forgotten_with_its_answers()
    {
        Probes();
        Step(N2, new ProbeAnswer(Sent<Probe>()[0].Message.Number, true, 0));
        var first = _ms;
        while (_sent.Count == 0) TickAt(_ms + 10);
        Assert.InRange(_ms - first, Timeout / 2, (Timeout / 2) + (2 * Heartbeat));
        Step(N1, new ProbeAnswer(Sent<Probe>()[0].Message.Number, true, 0));
        Assert.Equal(ProposerPhase.Probing, _proposer.Phase);
    }

    [Fact]
    public void Every_configuration_that_governs_has_to_agree_to_the_attempt()
    {
        _proposer = Fresh(governing: [Three[0], new(new Slot(9), new Configuration([N1, new NodeId(4), new NodeId(5)]))]);
        Probes();
        var number = Sent<Probe>()[0].Message.Number;
        Step(N1, new ProbeAnswer(number, true, 0));
        Step(N2, new ProbeAnswer(number, true, 0));
        Assert.Equal(ProposerPhase.Probing, _proposer.Phase);
        Step(new NodeId(4), new ProbeAnswer(number, true, 0));
        Assert.Equal(ProposerPhase.Preparing, _proposer.Phase);
    }

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(7, 0, 8)]
    [InlineData(7, 9, 10)]
    public void A_ballot_is_above_all_that_was_heard_of_and_promised(long heard, long promised, long round)
    {
        _proposer = Fresh(promised: promised);
        Prepares(heard);
        Assert.Equal(new Ballot(round, N1), _proposer.Ballot);
    }

    [Fact]
    public void Rounds_heard_of_in_any_message_are_above_board()
    {
        Step(N2, new LeaderSeen(new Ballot(3, N2)));
        Assert.Equal(3, Answer(N2).Round);
        Step(N2, new TakeOver(new Ballot(2, N2)));
        Assert.Equal(3, Answer(N2).Round);
        Step(N1, new PrepareRejected(new Ballot(1, N1), new Ballot(8, N3)));
        Assert.Equal(8, Answer(N2).Round);
        Step(N2, new Promise(new Ballot(9, N1), Slot.Zero, TimeSpan.Zero, new Slot(1), Slot.End, [], Three));
        Assert.Equal(9, Answer(N2).Round);
    }

    [Fact]
    public void The_own_acceptor_is_asked_first_and_tells_what_the_others_need_not_report()
    {
        Prepares();
        Assert.Equal([(N1, new Prepare(_proposer.Ballot, Slot.End))], Sent<Prepare>());
        Promises(N1, held: 5);
        Assert.Equal([(N2, new Prepare(_proposer.Ballot, new Slot(5))), (N3, new Prepare(_proposer.Ballot, new Slot(5)))], Sent<Prepare>());
    }

    [Fact]
    public void Who_has_not_promised_is_asked_again_with_each_heartbeat()
    {
        Prepares();
        _sent.Clear();
        var begin = _ms;
        TickAt(begin + Heartbeat - 1);
        Assert.Empty(_sent);
        TickAt(begin + Heartbeat);
        Assert.Equal([N1], Sent<Prepare>().Select(p => p.To));
        Promises(N1);
        _sent.Clear();
        TickAt(begin + (2 * Heartbeat));
        Assert.Equal([N2, N3], Sent<Prepare>().Select(p => p.To));
    }

    [Fact]
    public void An_attempt_that_came_to_nothing_ends_after_an_election_timeout_and_later_each_time()
    {
        var longest = 0L;
        for (var attempt = 0; attempt < 8; attempt++)
        {
            Prepares();
            var begin = _ms;
            UntilPhase(ProposerPhase.Probing, Timeout + (17 * Heartbeat));
            Assert.InRange(_ms - begin, Timeout + (Heartbeat / 2), Timeout + (Heartbeat * (1.5 + (1 << Math.Min(attempt, 4)))));
            longest = Math.Max(longest, _ms - begin);
        }

        Assert.True(longest > Timeout + (4 * Heartbeat), $"longest {longest} ms");
    }

    [Fact]
    public void Who_is_refused_tries_again_soon_with_a_higher_ballot()
    {
        Prepares();
        var ballot = _proposer.Ballot;
        Step(N2, new PrepareRejected(ballot, ballot));
        Step(N2, new PrepareRejected(new Ballot(0, N1), new Ballot(4, N2)));
        Assert.Equal(ProposerPhase.Preparing, _proposer.Phase);

        Step(N2, new PrepareRejected(ballot, new Ballot(5, N2)));
        Assert.Equal(ProposerPhase.Idle, _proposer.Phase);
        var begin = _ms;
        UntilPhase(ProposerPhase.Probing, 3 * Heartbeat);
        Assert.InRange(_ms - begin, Heartbeat / 2, 3 * Heartbeat);
        Prepares();
        Assert.True(_proposer.Ballot.Round > 5, $"{_proposer.Ballot}");
    }

    [Theory]
    [InlineData("prepare")]
    [InlineData("accept")]
    [InlineData("confirm")]
    public void A_leader_that_is_refused_steps_down(string what)
    {
        Leads();
        Assert.Equal(N1, _proposer.Leader);
        var (own, newer) = (_proposer.Ballot, new Ballot(9, N3));
        Step(N2, new AcceptRejected(new Ballot(0, N1), newer));
        Step(N2, new AcceptRejected(own, own));
        Assert.Equal(ProposerPhase.Leading, _proposer.Phase);

        Step(N2, what switch { "prepare" => new PrepareRejected(own, newer), "accept" => new AcceptRejected(own, newer), _ => new ConfirmRejected(own, newer) });
        Assert.Equal(ProposerPhase.Idle, _proposer.Phase);
        Assert.Null(_proposer.Leader);
        _sent.Clear();
        Step(N2, new Propose(4, [new byte[1]]));
        Assert.Equal([(N2, new ProposeRejected(4, Rejection.NotLeader))], Sent<ProposeRejected>());
        var begin = _ms;
        UntilPhase(ProposerPhase.Probing, 2 * Timeout);
        Assert.InRange(_ms - begin, Timeout, 2 * Timeout);
    }

    [Fact]
    public void A_leader_is_followed_for_an_election_timeout_and_nobody_else_is_encouraged_meanwhile()
    {
        TickAt(1000);
        Step(N2, new LeaderSeen(new Ballot(3, N2)));
        Assert.Equal(N2, _proposer.Leader);
        Assert.Equal(ProposerPhase.Idle, _proposer.Phase);
        Assert.False(Answer(N3).Granted);
        Assert.True(Answer(N1).Granted);

        TickAt(1000 + Timeout - 1);
        Assert.Equal(N2, _proposer.Leader);
        Assert.False(Answer(N3).Granted);
        TickAt(1000 + Timeout);
        Assert.Null(_proposer.Leader);
        Assert.True(Answer(N3).Granted);
    }

    [Fact]
    public void A_leader_encourages_nobody()
    {
        Leads();
        Assert.False(Answer(N3).Granted);
        Assert.False(Answer(N1).Granted);
    }

    [Fact]
    public void An_older_leader_is_not_followed()
    {
        Step(N2, new LeaderSeen(new Ballot(3, N2)));
        Step(N3, new LeaderSeen(new Ballot(2, N3)));
        Assert.Equal(N2, _proposer.Leader);
        Step(N3, new LeaderSeen(new Ballot(4, N3)));
        Assert.Equal(N3, _proposer.Leader);
    }

    [Fact]
    public void Who_prepares_gives_way_to_a_newer_ballot_only()
    {
        Prepares(round: 4);
        Step(N2, new LeaderSeen(new Ballot(5, new NodeId(0))));
        Assert.Equal(ProposerPhase.Preparing, _proposer.Phase);
        Step(N2, new LeaderSeen(new Ballot(6, N2)));
        Assert.Equal(ProposerPhase.Idle, _proposer.Phase);
        Assert.Equal(N2, _proposer.Leader);
        Promises(N1);
        Promises(N2);
        Assert.Equal(ProposerPhase.Idle, _proposer.Phase);
    }

    [Fact]
    public void A_leader_gives_way_to_a_newer_ballot_only()
    {
        Leads();
        Step(N1, new LeaderSeen(_proposer.Ballot));
        Step(N2, new LeaderSeen(new Ballot(0, N2)));
        Assert.Equal(ProposerPhase.Leading, _proposer.Phase);
        Step(N2, new LeaderSeen(new Ballot(7, N2)));
        Assert.Equal(ProposerPhase.Idle, _proposer.Phase);
        Assert.Equal(N2, _proposer.Leader);
    }

    [Fact]
    public void Whom_the_leader_asks_to_take_over_prepares_at_once()
    {
        Step(N2, new LeaderSeen(new Ballot(3, N2)));
        Step(N3, new TakeOver(new Ballot(2, N3)));
        Assert.Equal(ProposerPhase.Idle, _proposer.Phase);
        Step(N2, new TakeOver(new Ballot(3, N2)));
        Assert.Equal(ProposerPhase.Preparing, _proposer.Phase);
        Assert.Equal(new Ballot(4, N1), _proposer.Ballot);

        Step(N2, new TakeOver(new Ballot(3, N2)));
        Assert.Equal(new Ballot(4, N1), _proposer.Ballot);
        Promises(N1);
        Promises(N2);
        Step(N2, new TakeOver(new Ballot(5, N2)));
        Assert.Equal(new Ballot(4, N1), _proposer.Ballot);
        Assert.Equal(ProposerPhase.Leading, _proposer.Phase);
    }

    [Fact]
    public void Who_does_not_lead_says_so()
    {
        Step(N2, new Propose(4, [new byte[1]]));
        Step(N2, new ReadBarrierRequest(5));
        Step(N2, new Reconfigure(6, Three[0].Configuration));
        Assert.Equal(
            [new ProposeRejected(4, Rejection.NotLeader), new ReadBarrierRejected(5, Rejection.NotLeader), new ReconfigureRejected(6, Rejection.NotLeader)],
            Sent<Message>().Select(s => s.Message));
    }

    private ProbeAnswer Answer(NodeId to)
    {
        _sent.Clear();
        Step(to, new Probe(1));
        return Assert.Single(Sent<ProbeAnswer>()).Message;
    }
}
