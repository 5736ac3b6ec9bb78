using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>A mistake that other systems made, made again on purpose: the simulator must notice, or it does not see.</summary>
/// <param name="Name">Short name.</param>
/// <param name="Row">Row of the catalogue of known bugs that it stands for.</param>
/// <param name="What">What is wrong.</param>
/// <param name="Defects">The mistake.</param>
internal sealed record Mutant(string Name, int Row, string What, Defects Defects)
{
    public static IReadOnlyList<Mutant> All { get; } =
    [
        Rule("promise-not-recorded", 1, "a promise is kept in memory only", new PromiseNotRecorded()),
        Rule("vote-not-recorded", 1, "a vote is kept in memory only", new VoteNotRecorded()),
        Rule("promises-anything", 2, "an acceptor promises ballots below its promise", new PromisesAnything()),
        Rule("half-is-a-quorum", 2, "half of the voters decide", new HalfIsAQuorum()),
        Rule("ballot-reused-after-restart", 3, "rounds start from what others tell, not from the journal", new BallotReused()),
        Rule("own-promise-not-first", 3, "others hear of a ballot before the own journal does", new OwnPromiseLate()),
        Rule("stale-promise-counts", 4, "a promise for an older ballot counts", new StalePromiseCounts()),
        Rule("duplicates-count", 4, "messages are counted, not voters", new DuplicatesCount()),
        Rule("leads-again-under-old-ballot", 5, "a late promise makes a leader again", new LeadsAgain()),
        Rule("accept-does-not-promise", 6, "a vote does not raise the promise", new AcceptDoesNotPromise()),
        Rule("lowest-ballot-adopted", 7, "of several votes the oldest is adopted", new LowestAdopted()),
        Rule("nothing-adopted", 7, "reported votes are not proposed again", new NothingAdopted()),
        Rule("any-local-vote-is-chosen", 7, "a leader's watermark covers votes of older ballots", new AnyVoteIsChosen()),
        Rule("reads-open-at-once", 8, "reads are served before an own entry is chosen", new ReadsOpenAtOnce()),
        new("read-before-applied", 8, "a read does not wait for its barrier to be applied", new Defects { ReadBeforeApplied = true }),
        Rule("reads-without-quorum", 9, "a read round needs no answer", new ReadsWithoutQuorum()),
        Rule("confirms-any-ballot", 9, "an acceptor confirms a leader that lost", new ConfirmsAnything()),
        Rule("old-confirmation-counts", 10, "a read round takes the answer to the round before", new OldConfirmation()),
        Rule("confirmation-of-other-ballot", 10, "confirmations of an older ballot count", new ConfirmationOfOther()),
        Rule("unheard-clock-runs-on", 11, "the clock of a leader that no quorum hears goes on", new UnheardStamps()),
        Rule("log-time-runs-ahead", 12, "a new leader starts ahead of the log's time", new LogTimeAhead()),
        Rule("vote-before-durable", 15, "a vote leaves before it is on disk", new VoteEarly()),
        new("ack-before-chosen", 15, "a client's write is acknowledged when it is proposed", new Defects { AckAtVote = true }),
        Rule("watermark-skips-gap", 25, "the watermark passes a slot because the next has its quorum", new WatermarkSkips()),
        Rule("part-of-promise-is-enough", 25, "one part of a promise counts as the whole", new PartIsEnough()),
        Rule("promise-before-durable", 28, "a promise leaves before it is on disk", new PromiseEarly()),
        Rule("first-vote-not-reported", 30, "a promise leaves out the first vote above the watermark", new FirstVoteKept()),
        new("write-error-ignored", 31, "a failed write is taken for a good one", new Defects { WriteErrorIgnored = true, SafetyOnly = true }),
        new("no-session-dedup", 33, "a repeated request is applied again", new Defects { NoSessionDedup = true }),
        new("journal-lost-at-restart", 38, "a node votes again under its identity after losing its disk", new Defects { JournalLostAtRestart = true }),
        Rule("accepts-anything", 43, "a promise does not void older ballots", new AcceptsAnything()),
        Rule("vote-of-other-ballot-counts", 43, "votes given to other ballots count", new VoteOfOther()),
        Rule("applies-twice", 46, "a slot fetched twice is applied twice", new AppliesTwice()),
        new("torn-write-skipped", 48, "recovery skips a torn record and takes those after it", new Defects { TornWriteSkipped = true }),
    ];

    /// <summary>Where it happened.</summary>
    public string Seen => Row switch
    {
        1 => "hashicorp/raft #661",
        2 => "camunda #5356",
        3 => "phxpaxos #145",
        4 => "MyPaxos #18",
        5 => "an earlier prototype",
        6 => "cassandra PR #1327",
        7 => "LogCabin #44",
        8 => "redisraft #18",
        9 => "consul #54",
        10 => "etcd #20418",
        11 => "etcd #12528",
        12 => "etcd #2660",
        15 => "etcd #14370",
        25 => "redisraft #43",
        28 => "ZooKeeper 3023",
        30 => "ZooKeeper 1154",
        31 => "ZooKeeper 4882",
        33 => "redisraft #23",
        38 => "etcd #20269",
        43 => "MongoDB SERVER-22136",
        46 => "apply not repeatable",
        48 => "protocol-aware recovery, FAST'18",
        _ => "",
    };

    private static Mutant Rule(string name, int row, string what, SafetyRules rules) => new(name, row, what, new Defects { Rules = rules, SafetyOnly = true });

    private sealed class PromiseNotRecorded : SafetyRules
    {
        public override bool PromiseIsRecorded => false;
    }

    private sealed class VoteNotRecorded : SafetyRules
    {
        public override bool VoteIsRecorded => false;
    }

    private sealed class PromisesAnything : SafetyRules
    {
        public override bool MayPromise(Ballot asked, Ballot promised) => true;
    }

    private sealed class HalfIsAQuorum : SafetyRules
    {
        public override bool IsQuorum(int voters, Configuration configuration) => voters * 2 >= configuration.Voters.Length;
    }

    private sealed class BallotReused : SafetyRules
    {
        public override long NextRound(long seen, long promisedAtStart) => seen + 1;
    }

    private sealed class OwnPromiseLate : SafetyRules
    {
        public override bool OwnPromiseFirst => false;
    }

    private sealed class StalePromiseCounts : SafetyRules
    {
        public override bool PromiseCounts(Ballot current, bool preparing, Ballot promised) => preparing;
    }

    private sealed class DuplicatesCount : SafetyRules
    {
        public override int CountVoters(VoterSet voters, int messages) => messages;
    }

    private sealed class LeadsAgain : SafetyRules
    {
        public override bool PromiseCounts(Ballot current, bool preparing, Ballot promised) => promised == current;
    }

    private sealed class AcceptDoesNotPromise : SafetyRules
    {
        public override Ballot PromiseAfterAccept(Ballot accepted, Ballot promised) => promised;
    }

    private sealed class LowestAdopted : SafetyRules
    {
        public override bool Supersedes(Ballot candidate, Ballot best) => candidate < best;
    }

    private sealed class NothingAdopted : SafetyRules
    {
        public override bool AdoptsReportedValues => false;
    }

    private sealed class AnyVoteIsChosen : SafetyRules
    {
        public override bool LocalVoteIsChosen(Ballot vote, Ballot claim) => true;
    }

    private sealed class ReadsOpenAtOnce : SafetyRules
    {
        public override bool ReadsOpen(Slot chosen, Slot ownFirst) => true;
    }

    private sealed class ReadsWithoutQuorum : SafetyRules
    {
        public override bool RoundConfirmed(long quorumNumber, long roundNumber) => true;
    }

    private sealed class ConfirmsAnything : SafetyRules
    {
        public override bool MayConfirm(Ballot asked, Ballot promised) => true;
    }

    private sealed class OldConfirmation : SafetyRules
    {
        public override bool RoundConfirmed(long quorumNumber, long roundNumber) => quorumNumber + 1 >= roundNumber;
    }

    private sealed class ConfirmationOfOther : SafetyRules
    {
        public override bool ConfirmationCounts(Ballot current, Ballot confirmed) => true;
    }

    private sealed class UnheardStamps : SafetyRules
    {
        public override TimeSpan LogTime(TimeSpan clock, TimeSpan most) => clock;
    }

    private sealed class LogTimeAhead : SafetyRules
    {
        public override TimeSpan TakeoverLogTime(TimeSpan highest) => highest + TimeSpan.FromSeconds(1);
    }

    private sealed class VoteEarly : SafetyRules
    {
        public override bool VoteWaitsForDisk => false;
    }

    private sealed class WatermarkSkips : SafetyRules
    {
        public override bool WatermarkPasses(bool quorumHere, bool quorumBeyond) => quorumHere || quorumBeyond;
    }

    private sealed class PartIsEnough : SafetyRules
    {
        public override bool PromiseComplete(bool covered) => true;
    }

    private sealed class PromiseEarly : SafetyRules
    {
        public override bool PromiseWaitsForDisk => false;
    }

    private sealed class FirstVoteKept : SafetyRules
    {
        public override bool PromiseReports(Slot slot, Slot held) => slot > held.Next;
    }

    private sealed class AcceptsAnything : SafetyRules
    {
        public override bool MayAccept(Ballot asked, Ballot promised) => true;
    }

    private sealed class VoteOfOther : SafetyRules
    {
        public override bool VoteCounts(Ballot current, Ballot voted) => true;
    }

    private sealed class AppliesTwice : SafetyRules
    {
        public override bool IsNext(Slot slot, Slot delivered) => slot <= delivered.Next;
    }
}
