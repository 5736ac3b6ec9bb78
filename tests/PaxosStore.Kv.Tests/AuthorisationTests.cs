namespace PaxosStore.Kv.Tests;

/// <summary>Each operation in front of a user that may read under r/, write under w/ and do both under b/.</summary>
public class AuthorisationTests
{
    private static readonly Caller Ann = new("ann", long.MaxValue);

    private readonly Machine _machine = new();

    public AuthorisationTests()
    {
        Do(new UserAddCommand("root", "h"), new UserRoleCommand("root", "root", true), new UserAddCommand("ann", "h"), new RoleAddCommand("hers"), new RoleAddCommand("other"));
        Do(new UserRoleCommand("ann", "hers", true));
        foreach (var (access, start) in new[] { (Access.Read, "r"), (Access.Write, "w"), (Access.ReadWrite, "b") })
            Do(new RoleGrantCommand("hers", new Permission(access, Under(start))));
        Do(new LeaseGrantCommand(1, 600), new LeaseGrantCommand(2, 600), new WriteCommand(Put("b/k") with { Lease = 1 }), new WriteCommand(Put("r/k") with { Lease = 2 }));
        Do(new AuthSwitchCommand(Enable: true));
    }

    [Theory]
    [InlineData("r", true, false, false)]
    [InlineData("w", false, true, false)]
    [InlineData("b", true, true, true)]
    [InlineData("x", false, false, false)]
    public void What_is_given_back_or_kept_is_read(string under, bool reads, bool writes, bool both)
    {
        var key = KeyRange.SingleKey(Bytes.Of(under + "/k"));
        var put = Put(under + "/k");
        Assert.Equal(reads, May(new RangeOp(key)));
        Assert.Equal(writes, May(put));
        Assert.Equal(both, May(put with { PreviousKv = true }));
        Assert.Equal(both, May(put with { IgnoreValue = true }));
        Assert.Equal(both, May(put with { IgnoreLease = true }));
        Assert.Equal(writes, May(new DeleteRangeOp(key)));
        Assert.Equal(both, May(new DeleteRangeOp(key) { PreviousKvs = true }));
    }

    /// <summary>It ends with the lease's keys, which only one who may delete them may bring about; a lease that is not there has none.</summary>
    [Fact]
    public void A_key_is_attached_to_a_lease_by_one_who_may_write_all_its_keys()
    {
        Assert.True(May(Put("w/n") with { Lease = 1 }));
        Assert.False(May(Put("w/n") with { Lease = 2 }));
        Assert.False(May(Put("r/n") with { Lease = 1 }));
        Assert.True(May(Put("w/n") with { Lease = 3 }));
    }

    /// <summary>One thing that is not allowed spoils a transaction wherever it stands, executed or not; the same with one that is allowed does not.</summary>
    [Fact]
    public void Every_part_of_a_transaction_is_judged()
    {
        KvOp allowed = new RangeOp(KeyRange.SingleKey(Bytes.Of("b/k")));
        foreach (var (under, fine) in new[] { ("b", true), ("r", true), ("w", false), ("x", false) })
        {
            KvOp read = new RangeOp(KeyRange.SingleKey(Bytes.Of(under + "/k")));
            var compared = new Comparison(KeyRange.SingleKey(Bytes.Of(under + "/k")), CompareTarget.Version, CompareResult.Equal, 0, default);
            var harmless = compared with { Range = KeyRange.SingleKey(Bytes.Of("b/k")) };
            Assert.Equal(fine, May(new TxnOp([harmless, compared], [], [])));
            Assert.Equal(fine, May(new TxnOp([compared, harmless], [allowed], [allowed])));
            Assert.Equal(fine, May(new TxnOp([], [allowed, read], [allowed])));
            Assert.Equal(fine, May(new TxnOp([], [read, allowed], [])));
            Assert.Equal(fine, May(new TxnOp([], [allowed], [allowed, read])));
            Assert.Equal(fine, May(new TxnOp([], [], [new TxnOp([], [allowed], [new TxnOp([compared], [], [])])])));
            Assert.Equal(fine, May(new TxnOp([], [new TxnOp([], [], [read])], [allowed])));
        }

        Assert.True(May(new TxnOp(default, default, default)));
        Assert.Equal(KvErrorCode.UserEmpty, _machine.View.Check(null, new TxnOp([], [], [])));
    }

    [Fact]
    public void Users_and_roles_are_shown_to_themselves_and_to_root()
    {
        var auth = _machine.View.Auth;
        foreach (var (caller, own, other) in new (Caller?, KvErrorCode, KvErrorCode)[]
        {
            (Ann, KvErrorCode.None, KvErrorCode.PermissionDenied),
            (new Caller("root", long.MaxValue), KvErrorCode.None, KvErrorCode.None),
            (Caller.Node, KvErrorCode.None, KvErrorCode.None),
            (null, KvErrorCode.UserEmpty, KvErrorCode.UserEmpty),
            (new Caller("ann", 0), KvErrorCode.AuthOldRevision, KvErrorCode.AuthOldRevision),
        })
        {
            Assert.Equal((own, other), (auth.CheckUserGet(caller, "ann"), auth.CheckUserGet(caller, "root")));
            Assert.Equal((own, other), (auth.CheckRoleGet(caller, "hers"), auth.CheckRoleGet(caller, "other")));
        }

        Assert.Equal(Caller.Node, auth.ThisNode);
        Do(new AuthSwitchCommand(Enable: false));
        auth = _machine.View.Auth;
        Assert.Equal((KvErrorCode.None, KvErrorCode.None), (auth.CheckUserGet(null, "root"), auth.CheckRoleGet(null, "other")));
        Assert.Null(auth.ThisNode);
    }

    /// <summary>As with etcd: of a range that is turned round, both ends are to lie within one that is granted.</summary>
    [Theory]
    [InlineData("b5", "b3", true)]
    [InlineData("b3", "b3", true)]
    [InlineData("b8", "b3", false)]
    [InlineData("b9", "b3", false)]
    [InlineData("b5", "b/", false)]
    [InlineData("x5", "x3", false)]
    [InlineData("y5", "y3", true)]
    [InlineData("z", "y3", true)]
    public void A_range_without_keys_lies_turned_round_in_a_grant(string start, string end, bool allowed)
    {
        foreach (var range in new[] { Bytes.Range("b1", "b8"), new KeyRange(Bytes.Of("y"), ReadOnlyMemory<byte>.Empty) })
            Do(new RoleGrantCommand("hers", new Permission(Access.Read, range)));
        Assert.Equal(allowed, May(new RangeOp(Bytes.Range(start, end))));
    }

    [Fact]
    public void Tokens_end_in_the_order_of_their_deadlines_and_a_bounded_number_at_a_time()
    {
        var auth = _machine.View.Auth;
        for (var i = 1; i <= AuthState.MostExpiriesPerBatch + 5; i++)
            (auth, _) = auth.Apply(new AuthenticateCommand("ann", auth.Revision, $"t{i}", 300), TimeSpan.FromSeconds(i));
        Assert.Same(auth, auth.Expire(TimeSpan.FromSeconds(300)));
        var without = auth.Expire(TimeSpan.FromSeconds(303));
        Assert.Null(without.Token("t3", default));
        Assert.NotNull(without.Token("t4", default));
        Assert.Equal(AuthState.MostExpiriesPerBatch + 2, without.Tokens.Count);

        without = auth.Expire(TimeSpan.MaxValue);
        Assert.Equal(5, without.Tokens.Count);
        Assert.NotNull(without.Token($"t{AuthState.MostExpiriesPerBatch + 1}", default));
        Assert.Equal(0, without.Expire(TimeSpan.MaxValue).Tokens.Count);
    }

    private static KeyRange Under(string start) => Bytes.Range(start + "/", start + "0");

    private static PutOp Put(string key) => new(Bytes.Of(key), Bytes.Of("v"));

    private bool May(KvOp op)
    {
        var judged = _machine.View.Check(Ann, op);
        Assert.Contains(judged, new[] { KvErrorCode.None, KvErrorCode.PermissionDenied });
        return judged == KvErrorCode.None;
    }

    private void Do(params KvCommand[] commands)
    {
        foreach (var command in commands) Assert.IsNotType<RefusedResult>(_machine.Run(command with { Caller = Caller.Node }));
    }
}
