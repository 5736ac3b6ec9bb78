using System.Collections.Immutable;

namespace PaxosStore.Consensus;

/// <summary>
/// The decisions that agreement and linearizability hang on, one line each, in one place. The product knows only <see cref="Paxos"/>;
/// the simulator overrides one rule at a time with a mistake that other systems made, and must notice (see tests/PaxosStore.Simulator).
/// </summary>
internal class SafetyRules
{
    public static readonly SafetyRules Paxos = new();

    // Acceptor.

    /// <summary>Phase 1: take part in no ballot older than the promise.</summary>
    public virtual bool MayPromise(Ballot asked, Ballot promised) => asked >= promised;

    /// <summary>Phase 2: vote in no ballot older than the promise.</summary>
    public virtual bool MayAccept(Ballot asked, Ballot promised) => asked >= promised;

    /// <summary>A vote is a promise too: without it an older ballot could still gather promises that miss this vote.</summary>
    public virtual Ballot PromiseAfterAccept(Ballot accepted, Ballot promised) => accepted > promised ? accepted : promised;

    /// <summary>A read confirmation says that nothing newer was promised.</summary>
    public virtual bool MayConfirm(Ballot asked, Ballot promised) => asked >= promised;

    /// <summary>A promise speaks for the disk.</summary>
    public virtual bool PromiseWaitsForDisk => true;

    /// <summary>A vote speaks for the disk.</summary>
    public virtual bool VoteWaitsForDisk => true;

    /// <summary>A promise is written down.</summary>
    public virtual bool PromiseIsRecorded => true;

    /// <summary>A vote is written down.</summary>
    public virtual bool VoteIsRecorded => true;

    /// <summary>A promise reports every vote above what the node that asks holds already.</summary>
    public virtual bool PromiseReports(Slot slot, Slot held) => slot > held;

    // Proposer.

    /// <summary>A ballot is used once: above everything seen and everything this node promised before it stopped.</summary>
    public virtual long NextRound(long seen, long promisedAtStart) => Math.Max(seen, promisedAtStart) + 1;

    /// <summary>Before others hear of a ballot, this node's own journal does: so it can't be used again after a restart.</summary>
    public virtual bool OwnPromiseFirst => true;

    /// <summary>
    /// Nobody leads before its own acceptor has promised. The others are asked later, and yet may answer before it: to what this node asked before it lost records. It
    /// would lead a second time under a ballot that it has forgotten.
    /// </summary>
    public virtual bool LeadsOnPromises(bool ownIsOneOfThem) => ownIsOneOfThem;

    /// <summary>Only a promise for the ballot being prepared counts, and only while it is being prepared.</summary>
    public virtual bool PromiseCounts(Ballot current, bool preparing, Ballot promised) => preparing && promised == current;

    /// <summary>Only parts that cover the whole suffix of the log are a promise.</summary>
    public virtual bool PromiseComplete(bool covered) => covered;

    /// <summary>Of several votes for one slot the one of the highest ballot is adopted (Paxos Made Simple, P2c).</summary>
    public virtual bool Supersedes(Ballot candidate, Ballot best) => candidate > best;

    /// <summary>Slots reported in promises are proposed again; only what lies beyond all of them is free.</summary>
    public virtual bool AdoptsReportedValues => true;

    /// <summary>A vote counts for the ballot it was given in and no other.</summary>
    public virtual bool VoteCounts(Ballot current, Ballot voted) => voted == current;

    /// <summary>A strict majority, so that any two quorums meet.</summary>
    public virtual bool IsQuorum(int voters, Configuration configuration) => voters >= configuration.QuorumSize;

    /// <summary>One voter, one vote, however often it arrives.</summary>
    public virtual int CountVoters(VoterSet voters, int messages) => voters.Count;

    /// <summary>The watermark passes a slot only once that slot has its quorum.</summary>
    public virtual bool WatermarkPasses(bool quorumHere, bool quorumBeyond) => quorumHere;

    /// <summary>Reads open once an entry of the leader's own ballot is chosen: before that it may not know all that was acknowledged.</summary>
    public virtual bool ReadsOpen(Slot chosen, Slot ownFirst) => chosen >= ownFirst;

    /// <summary>A barrier holds only after a quorum confirmed the leader in a round begun after the read arrived.</summary>
    public virtual bool RoundConfirmed(long quorumNumber, long roundNumber) => quorumNumber >= roundNumber;

    /// <summary>A confirmation counts for its own ballot only.</summary>
    public virtual bool ConfirmationCounts(Ballot current, Ballot confirmed) => confirmed == current;

    /// <summary>Log time goes on where the log, or a leader before, stood.</summary>
    public virtual TimeSpan TakeoverLogTime(TimeSpan highest) => highest;

    /// <summary>
    /// The clock of a leader that no quorum has heard for long stands still: it may have been replaced without knowing, and what it proposes may yet be
    /// chosen. If its time ran ahead of its successor's, key leases renewed there would expire early.
    /// </summary>
    public virtual TimeSpan LogTime(TimeSpan clock, TimeSpan most) => clock < most ? clock : most;

    /// <summary>A value is stamped by a clock that runs.</summary>
    public virtual bool MayStamp(bool standsStill) => !standsStill;

    // Configurations.

    /// <summary>An entry of the log that names the next configuration governs from α slots further on: what is in flight before it knows its voters.</summary>
    public virtual Slot GovernsFrom(Slot slot, Configuration next) => slot + next.Alpha;

    /// <summary>Two leaders that did not know of each other may both have left a successor of the same configuration; the first in the log is it, the other is void.</summary>
    public virtual bool Succeeds(long newest, long next) => next == newest + 1;

    /// <summary>Phase 1 needs a quorum of every configuration that governs any slot of the suffix.</summary>
    public virtual ImmutableArray<Governing> ToPrepare(ImmutableArray<Governing> governing) => governing;

    /// <summary>
    /// Phase 1 is for who votes in every configuration that governs a slot of the suffix. A node that forgot its promises asks the voters of what governs where it goes
    /// on: whoever might still use such a promise there has to be one of them.
    /// </summary>
    public virtual bool MayLead(bool votesEverywhere) => votesEverywhere;

    /// <summary>One change at a time: a successor is proposed only when the newest governs, and an entry of the own ballot is chosen.</summary>
    public virtual bool MayReconfigure(bool isNext, bool newestGoverns, bool ownChosen) => isNext && newestGoverns && ownChosen;

    /// <summary>A node votes only once it has what the leader has.</summary>
    public virtual bool HasCaughtUp(long behind, bool heardLately) => heardLately && behind <= Configuration.UsualAlpha;

    /// <summary>No slot is proposed more than α after one that is not chosen: its voters would not be known.</summary>
    public virtual bool KnowsVoters(Slot slot, Slot chosen, int alpha) => slot - chosen <= alpha;

    /// <summary>Who has been removed goes only once a quorum of those that go on can prove without it what was chosen with its vote.</summary>
    public virtual bool MayLeave(bool dismissedByQuorum) => dismissedByQuorum;

    // Snapshots and identity.

    /// <summary>Only what a snapshot on the own disk covers is cut from the log.</summary>
    public virtual bool MayTruncate(Slot through, Slot chosen) => through <= chosen;

    /// <summary>A promise that can't report all slots asked about is none.</summary>
    public virtual bool ReportsAll(Slot held, Slot cut) => held >= cut;

    /// <summary>A node that may have forgotten votes takes no part until it is admitted.</summary>
    public virtual bool TakesPart(bool admitted) => admitted;

    /// <summary>
    /// A majority of the voters shares one with every quorum of theirs. Founders need more of the <paramref name="others"/>: any two groups share so many that one of
    /// them remembers though as many journals were lost as a quorum can do without. For a node that has forgotten nobody's word is dispensable: a proposer may hold a
    /// promise of it that no other node has heard of. Alone is only who founds a cluster: to be the only voter that is left takes votes of one's own.
    /// </summary>
    public virtual bool EnoughVouch(int welcomes, int others, bool forgetful, bool founds) =>
        others == 0 ? !forgetful && founds
        : forgetful ? welcomes >= others
        : welcomes >= (founds ? (others + (others / 2) + 1) / 2 : (others / 2) + 1);

    /// <summary>
    /// Members get a vote only after they have been admitted, but not everybody who is asked was there. Not to have met a node means that it is new if it waits for a
    /// vote here; of a voter it means so only among the founders of a cluster, and not for a node that has forgotten whom it met.
    /// </summary>
    public virtual bool MayVouch(bool isNewcomer, bool isFounder, bool forgetful) => isNewcomer || (isFounder && !forgetful);

    /// <summary>Whoever has accepted a change that may be chosen can't say who has no vote.</summary>
    public virtual bool MayHaveGotVote(bool changeAccepted) => changeAccepted;

    /// <summary>A word given in one configuration says nothing of a later one: its voters are others.</summary>
    public virtual bool StandsFor(long newest, long given) => given == newest;

    /// <summary>Who lost votes must not report a chosen value under the older ballot of a vote that it kept: its word stands for the one that it lost.</summary>
    public virtual bool KeepsBallot(bool admitted) => admitted;

    /// <summary>Who introduces itself again after forgetting again needs to hear what others know now: an answer to an earlier introduction tells too little.</summary>
    public virtual bool IsAnswer(ulong life, ulong answered) => answered == life;

    /// <summary>A ballot that others have promised before this node was admitted is not used again.</summary>
    public virtual bool IsUnused(Ballot own, Ballot promisedElsewhere) => own > promisedElsewhere;

    /// <summary>Another incarnation under this node's id means that this node lost its journal.</summary>
    public virtual bool IsSame(ulong known, ulong own) => known == own;

    /// <summary>What this node may have voted for and forgotten is decided before it votes again.</summary>
    public virtual bool NothingForgotten(Slot chosen, Slot lastElsewhere) => chosen >= lastElsewhere;

    // Learner.

    /// <summary>A leader's word that a slot is chosen covers the value accepted here only if that vote is of its ballot or a newer one.</summary>
    public virtual bool LocalVoteIsChosen(Ballot vote, Ballot claim) => vote >= claim;

    /// <summary>Values are applied once, in order.</summary>
    public virtual bool IsNext(Slot slot, Slot delivered) => slot == delivered.Next;
}
