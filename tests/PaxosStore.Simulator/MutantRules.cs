using System.Collections.Immutable;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator;

/// <summary>The rules that mutants get wrong.</summary>
internal sealed partial record Mutant
{
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

    private sealed class ReusesForgotten : SafetyRules
    {
        public override bool IsUnused(Ballot own, Ballot promisedElsewhere) => true;
    }

    private sealed class TruncatesUnchosen : SafetyRules
    {
        public override bool MayTruncate(Slot through, Slot chosen) => true;
    }

    private sealed class ReportsCutLog : SafetyRules
    {
        public override bool ReportsAll(Slot held, Slot cut) => true;
    }

    private sealed class LearnsNothing : SafetyRules
    {
        public override bool NothingForgotten(Slot chosen, Slot lastElsewhere) => true;
    }

    private sealed class MajorityVouches : SafetyRules
    {
        public override bool EnoughVouch(int welcomes, int others, bool forgetful, bool founds) => base.EnoughVouch(welcomes, others, false, founds);
    }

    private sealed class GovernsAtOnce : SafetyRules
    {
        public override Slot GovernsFrom(Slot slot, Configuration next) => slot.Next;
    }

    private sealed class LeadsOutside : SafetyRules
    {
        public override bool MayLead(bool votesEverywhere) => true;
    }

    private sealed class PreparesNewest : SafetyRules
    {
        public override ImmutableArray<Governing> ToPrepare(ImmutableArray<Governing> governing) => [governing[^1]];
    }

    private sealed class PreparesOldest : SafetyRules
    {
        public override ImmutableArray<Governing> ToPrepare(ImmutableArray<Governing> governing) => [governing[0]];
    }

    private sealed class TwoChanges : SafetyRules
    {
        public override bool MayReconfigure(bool isNext, bool newestGoverns, bool ownChosen) => isNext && ownChosen;
    }

    private sealed class ChangesFirst : SafetyRules
    {
        public override bool MayReconfigure(bool isNext, bool newestGoverns, bool ownChosen) => isNext && newestGoverns;
    }

    private sealed class BeyondAlpha : SafetyRules
    {
        public override bool KnowsVoters(Slot slot, Slot chosen, int alpha) => true;
    }

    private sealed class VoidApplied : SafetyRules
    {
        public override bool Succeeds(long newest, long next) => next >= newest;
    }

    private sealed class PromotesLaggard : SafetyRules
    {
        public override bool HasCaughtUp(long behind, bool heardLately) => true;
    }

    private sealed class LeavesAtOnce : SafetyRules
    {
        public override bool MayLeave(bool dismissedByQuorum) => true;
    }

    private sealed class UnadmittedVotes : SafetyRules
    {
        public override bool TakesPart(bool admitted) => true;
    }

    private sealed class OneVouches : SafetyRules
    {
        public override bool EnoughVouch(int welcomes, int others, bool forgetful, bool founds) => welcomes > 0 || others == 0;
    }

    private sealed class OtherIncarnation : SafetyRules
    {
        public override bool IsSame(ulong known, ulong own) => true;
    }

    private sealed class StrangersVouch : SafetyRules
    {
        public override bool MayVouch(bool isNewcomer, bool isFounder, bool forgetful) => true;
    }

    private sealed class StampsStandingStill : SafetyRules
    {
        public override bool MayStamp(bool standsStill) => true;
    }

    private sealed class OldWelcome : SafetyRules
    {
        public override bool IsAnswer(ulong life, ulong answered) => true;
    }
}
