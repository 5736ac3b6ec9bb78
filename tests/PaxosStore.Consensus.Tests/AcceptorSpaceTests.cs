using System.Collections.Immutable;

namespace PaxosStore.Consensus.Tests;

/// <summary>Every sequence of up to four messages over three ballots and two slots, against what an acceptor may never do.</summary>
public class AcceptorSpaceTests
{
    private static readonly Ballot[] Ballots = [new(1, new NodeId(1)), new(1, new NodeId(2)), new(2, new NodeId(1))];
    private static readonly NodeId Self = new(3);

    private static readonly Message[] Alphabet =
    [
        .. Ballots.Select(b => new Prepare(b, Slot.Zero)),
        .. Ballots.SelectMany(b => new long[] { 1, 2 }, (b, slot) => new Accept(b, new Slot(slot), [ValueOf(b)], Slot.Zero)),
        .. Ballots.Select(b => new Confirm(b, 1, Slot.Zero, TimeSpan.Zero)),
    ];

    [Fact]
    public void No_sequence_of_four_messages_makes_an_acceptor_break_its_word()
    {
        var sequences = 0;
        var path = new List<Message>();
        Explore(path, ref sequences);
        Assert.Equal(12 + (12 * 12) + (12 * 12 * 12) + (12 * 12 * 12 * 12), sequences);
    }

    private static void Explore(List<Message> path, ref int sequences)
    {
        foreach (var message in Alphabet)
        {
            path.Add(message);
            Replay(path);
            sequences++;
            if (path.Count < 4) Explore(path, ref sequences);
            path.RemoveAt(path.Count - 1);
        }
    }

    private static void Replay(List<Message> path)
    {
        var acceptor = Started();
        var journal = new List<JournalRecord>();
        var said = Ballot.None;
        foreach (var message in path)
        {
            var promised = acceptor.Promised;
            var effects = acceptor.Step(new NodeId(1), message, TimeSpan.Zero);
            journal.AddRange(effects.Records);
            Assert.True(acceptor.Promised >= promised, "the promise went back");
            foreach (var record in effects.Records.OfType<AcceptRecord>()) Assert.True(record.Ballot >= promised, "voted below the promise");
            CheckAnswer(message, promised, effects);
            foreach (var ballot in effects.AfterDurable.Select(o => Spoken(o.Message)))
            {
                Assert.True(ballot >= said, "took back what it said");
                said = ballot;
            }

            Assert.DoesNotContain(effects.Now, o => o.Message is Promise or Accepted);
            Assert.Equal(acceptor.Promised, PromisedAfter(journal));
        }
    }

    private static void CheckAnswer(Message message, Ballot promised, Effects effects)
    {
        switch (message)
        {
            case Prepare m when m.Ballot >= promised:
                Assert.Equal(m.Ballot, Assert.IsType<Promise>(Assert.Single(effects.AfterDurable).Message).Ballot);
                break;
            case Accept m when m.Ballot >= promised:
                // Also when it is a repeat, which writes nothing.
                var accepted = Assert.IsType<Accepted>(Assert.Single(effects.AfterDurable).Message);
                Assert.Equal((m.Ballot, m.First, 1), (accepted.Ballot, accepted.First, accepted.Count));
                break;
            case Confirm m when m.Ballot >= promised:
                Assert.Contains(effects.Now, o => o.Message is Confirmed c && c.Ballot == m.Ballot);
                break;
            default:
                Assert.Empty(effects.AfterDurable);
                Assert.Empty(effects.Records);
                Assert.IsType<Ballot>(Rejection(Assert.Single(effects.Now).Message));
                break;
        }
    }

    private static object? Rejection(Message message) => message switch
    {
        PrepareRejected m => m.Promised,
        AcceptRejected m => m.Promised,
        ConfirmRejected m => m.Promised,
        _ => null,
    };

    private static Ballot Spoken(Message message) => message is Promise p ? p.Ballot : ((Accepted)message).Ballot;

    private static Ballot PromisedAfter(IEnumerable<JournalRecord> journal)
    {
        var acceptor = Started();
        acceptor.Recover([.. journal]);
        return acceptor.Promised;
    }

    private static Acceptor Started(PaxosOptions? options = null)
    {
        var acceptor = new Acceptor(Self, LogBase.Initial(new Configuration([new NodeId(1), new NodeId(2), Self])), options ?? new PaxosOptions(), incarnation: 1);
        acceptor.Recover([new AdmittedRecord()]);
        return acceptor;
    }

    private static Value ValueOf(Ballot ballot) => new(ballot.Round, TimeSpan.Zero, 0, [new byte[] { (byte)ballot.Round, (byte)ballot.Node.Value }]);

    [Fact]
    public void A_promise_raised_by_a_vote_for_a_chosen_slot_is_on_disk_before_it_is_spoken_for()
    {
        var acceptor = Started();
        var value = ValueOf(Ballots[0]);
        acceptor.Step(new NodeId(1), new Accept(Ballots[0], new Slot(1), [value], Slot.Zero), TimeSpan.Zero);
        acceptor.Step(Self, new Learned(new Slot(1), []), TimeSpan.Zero);

        var effects = acceptor.Step(new NodeId(1), new Accept(Ballots[2], new Slot(1), [value], Slot.Zero), TimeSpan.Zero);

        Assert.Contains(new PromiseRecord(Ballots[2]), effects.Records);
    }

    [Fact]
    public void An_acceptor_refuses_to_report_to_a_node_too_far_behind()
    {
        var acceptor = Started(new PaxosOptions { LearnerWindow = 2 });
        ImmutableArray<(Slot, Value)> log = [.. Enumerable.Range(1, 4).Select(i => (new Slot(i), ValueOf(Ballots[0])))];
        acceptor.Step(Self, new Learned(new Slot(4), log), TimeSpan.Zero);

        // It gets what it lacks instead: it may not know of anybody who leads.
        var answers = acceptor.Step(new NodeId(1), new Prepare(Ballots[2], new Slot(1)), TimeSpan.Zero).Now;
        Assert.Equal(2, answers.Count);
        Assert.IsType<PrepareRejected>(answers[0].Message);
        Assert.Equal(new Slot(2), Assert.IsType<Entries>(answers[1].Message).First);
        Assert.Equal(Ballot.None, acceptor.Promised);
        Assert.Single(acceptor.Step(new NodeId(1), new Prepare(Ballots[2], new Slot(2)), TimeSpan.Zero).AfterDurable);
    }
}
