using PaxosStore.Cluster.Tests.History;

namespace PaxosStore.Cluster.Tests.Judges;

/// <summary>The lease witness accepts leases that end in time and in whole, and rejects the rest.</summary>
public class LeaseWitnessTests
{
    private const long Second = 1_000_000_000;

    private static readonly Operation[] Good =
    [
        Lease(OperationKind.LeaseGrant, call: 0, revision: 1),
        Attached(1, "a", "v1", revision: 2),
        Attached(2, "b", "v2", revision: 3),
        Lease(OperationKind.LeaseKeepAlive, call: 3, revision: 3),
    ];

    private static readonly LogDump GoodLog = Make.Log("2 a v1", "3 b v2", "4 a", "4 b");

    [Fact]
    public void A_lease_that_ends_with_all_its_keys_is_accepted() => Assert.Equal("clean", Check(Good, GoodLog, endSeen: 3 + 2 * Second).ToString());

    [Fact]
    public void A_lease_that_ends_before_its_time_is_rejected() => AssertRejected("too early", Check(Good, GoodLog, endSeen: 2 * Second));

    [Fact]
    public void A_lease_revoked_may_end_at_once() =>
        Assert.Equal("clean", Check([.. Good, Lease(OperationKind.LeaseRevoke, call: 4, revision: 4)], GoodLog, endSeen: 5).ToString());

    [Fact]
    public void A_lease_that_ends_without_one_of_its_keys_is_rejected() => AssertRejected("without [b]", Check(Good, Make.Log("2 a v1", "3 b v2", "4 a", "5 b"), 9 * Second));

    [Fact]
    public void A_key_attached_to_a_lease_that_ended_is_rejected() =>
        AssertRejected("which ended at 4", Check([.. Good, Attached(5, "c", "v3", revision: 5)], Make.Log("2 a v1", "3 b v2", "4 a", "4 b", "5 c v3"), 9 * Second));

    [Fact]
    public void A_lease_left_over_is_rejected() => AssertRejected("never ended", Check(Good, Make.Log("2 a v1", "3 b v2"), 9 * Second));

    [Fact]
    public void An_acknowledged_revocation_that_comes_late_is_rejected() =>
        AssertRejected("was acknowledged at 3", Check([.. Good, Lease(OperationKind.LeaseRevoke, call: 4, revision: 3)], GoodLog, endSeen: 5));

    [Fact]
    public void A_delete_that_is_the_end_of_no_lease_is_rejected() =>
        AssertRejected("no single lease", Check([Make.Put(0, 1, "a", "v1", 2)], Make.Log("2 a v1", "3 a"), 9 * Second));

    [Fact]
    public void The_witness_of_revisions_knows_the_ends_of_leases() => Assert.Equal("clean", RevisionWitness.Check(Good, GoodLog).ToString());

    [Fact]
    public void The_search_lets_a_lease_end_after_its_time_only()
    {
        var gone = 3 + 2 * Second;
        Assert.Equal("clean", Linearizability.Check([.. Good, Make.Get(gone, gone + 5, "a", null)]).ToString());
        Assert.Contains("not linearizable", Linearizability.Check([.. Good, Make.Get(10, Second, "a", null)]).ToString(), StringComparison.Ordinal);
    }

    private static Operation Lease(OperationKind kind, long call, long revision) =>
        Make.Put(call, call, "", "", revision) with { Kind = kind, Value = null, Lease = 7, Ttl = 2, Succeeded = true };

    private static Operation Attached(long call, string key, string value, long revision) => Make.Put(call, call, key, value, revision) with { Lease = 7 };

    private static Verdict Check(Operation[] operations, LogDump log, long endSeen) =>
        LeaseWitness.Check(operations, log, new Dictionary<long, long> { [4] = endSeen }, allEnded: true);

    private static void AssertRejected(string because, Verdict verdict) => Assert.Contains(verdict.Violations, v => v.Contains(because, StringComparison.Ordinal));
}
