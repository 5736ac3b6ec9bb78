using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>The witness accepts what a store may do and rejects each way of lying.</summary>
public class RevisionWitnessTests
{
    private static readonly Operation[] Good =
    [
        Make.Put(0, 1, "a", "v1", revision: 2),
        Make.Get(2, 3, "a", "v1", revision: 2),
        Make.Cas(4, 5, "a", "v1", "v2", revision: 3),
        Make.CasRefused(6, 7, "a", "v1", "v3", seen: "v2", revision: 3),
        Make.Delete(8, 9, "a", "d1", seen: "v2", revision: 4),
        Make.Get(10, 11, "a", null, revision: 4),
        Make.Unknown(OperationKind.Put, 12, "a", "v4"),
        Make.Unknown(OperationKind.Put, 12, "a", "v5"),
        Make.Get(14, 15, "a", "v4", revision: 5),
    ];

    private static readonly LogDump GoodLog = Make.Log("2 a v1", "3 a v2", "4 a", "4 a#deleted d1", "5 a v4");

    [Fact]
    public void A_true_history_is_accepted() => Assert.Equal([], RevisionWitness.Check(Good, GoodLog).Violations);

    [Fact]
    public void A_lost_acknowledged_write_is_rejected() =>
        AssertRejected("lost acknowledged write", Good, Make.Log("2 a v1", "3 a v2", "4 a", "4 a#deleted d1"), [Make.Put(12, 13, "a", "v9", revision: 4)]);

    [Fact]
    public void A_lost_write_whose_revision_was_given_away_is_rejected() =>
        AssertRejected("lost acknowledged write", [], Make.Log("2 a v1"), [Make.Put(0, 1, "a", "v1", revision: 2), Make.Put(0, 1, "a", "v2", revision: 2)]);

    [Fact]
    public void A_stale_read_is_rejected() => AssertRejected("stale read", Good, GoodLog, [Make.Get(16, 17, "a", "v1", revision: 2)]);

    [Fact]
    public void A_read_that_does_not_fit_its_revision_is_rejected() => AssertRejected("the log holds v4", Good, GoodLog, [Make.Get(16, 17, "a", "v1", revision: 5)]);

    [Fact]
    public void A_write_applied_twice_is_rejected() =>
        AssertRejected("duplicate apply", Good, Make.Log("2 a v1", "3 a v2", "4 a", "4 a#deleted d1", "5 a v4", "6 a v4"), []);

    [Fact]
    public void A_write_below_an_earlier_one_is_rejected() =>
        AssertRejected("not monotone in real time", [], Make.Log("2 a v1", "3 b v2"), [Make.Put(0, 1, "b", "v2", revision: 3), Make.Put(2, 3, "a", "v1", revision: 2)]);

    [Fact]
    public void An_unknown_write_that_took_effect_before_it_was_called_is_rejected() =>
        AssertRejected(
            "not monotone in real time", [], Make.Log("2 a v1", "3 b v2"), [Make.Put(0, 1, "b", "v2", revision: 3), Make.Unknown(OperationKind.Put, 2, "a", "v1")]);

    [Fact]
    public void A_write_that_did_not_happen_but_stands_in_the_log_is_rejected() =>
        AssertRejected("did not happen", [], Make.Log("2 a v1"), [Make.Unknown(OperationKind.Put, 0, "a", "v1") with { Outcome = Outcome.Fail }]);

    [Fact]
    public void A_refused_comparison_that_wrote_is_rejected() =>
        AssertRejected("changed nothing", [], Make.Log("2 a v1", "3 a v2"), [Make.Put(0, 1, "a", "v1", 2), Make.CasRefused(0, 9, "a", null, "v2", "v1", 2)]);

    [Fact]
    public void A_comparison_that_held_over_another_value_is_rejected() =>
        AssertRejected("compared with v7", [], Make.Log("2 a v1", "3 a v2"), [Make.Put(0, 1, "a", "v1", 2), Make.Cas(2, 3, "a", "v7", "v2", 3)]);

    [Fact]
    public void An_unknown_comparison_that_wrote_over_another_value_is_rejected() =>
        AssertRejected(
            "of unknown fate", [], Make.Log("2 a v1", "3 a v2"),
            [Make.Put(0, 1, "a", "v1", 2), Make.Unknown(OperationKind.CompareAndSet, 2, "a", "v2") with { Expected = "v7" }]);

    [Fact]
    public void A_change_nobody_asked_for_is_rejected() => AssertRejected("nobody asked", [], Make.Log("2 a v1"), []);

    [Fact]
    public void A_gap_in_the_revisions_is_rejected() =>
        AssertRejected("follows 2", [], Make.Log("2 a v1", "4 a v2"), [Make.Put(0, 1, "a", "v1", 2), Make.Put(2, 3, "a", "v2", 4)]);

    [Fact]
    public void A_torn_transaction_is_rejected() =>
        AssertRejected("lost acknowledged write", [Make.Put(0, 1, "a", "v1", 2)], Make.Log("2 a v1", "3 a#deleted d1"), [Make.Delete(2, 3, "a", "d1", "v1", 3)]);

    private static void AssertRejected(string because, Operation[] operations, LogDump log, Operation[] more) =>
        Assert.Contains(RevisionWitness.Check([.. operations, .. more], log).Violations, v => v.Contains(because, StringComparison.Ordinal));
}
