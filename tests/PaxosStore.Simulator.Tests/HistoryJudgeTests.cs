using PaxosStore.Kv;
using PaxosStore.Simulator.Whole;

namespace PaxosStore.Simulator.Tests;

/// <summary>Histories that no correct store has, one for each thing the judge looks at; and some that one has.</summary>
public class HistoryJudgeTests
{
    private static readonly RangeOp Key = new(KeyRange.SingleKey("a1"u8.ToArray()));

    private readonly ModelBench _bench = new();

    [Fact]
    public void A_true_history_passes()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));
        var result = _bench.Apply(put);
        _bench.Judge.Answered(put, ReplyText.Of(result), result.Revision);
        _bench.Judge.ReadAnswered(ModelBench.Read(Key, floorSlot: put.Slot), _bench.View.AppliedSlot, ReplyText.Of(_bench.View.Range(Key)), -1, fresh: true);

        Assert.Equal((put.Slot, result.Revision), (_bench.Judge.KnownSlot, _bench.Judge.KnownRevision));
    }

    [Fact]
    public void A_write_acknowledged_that_is_not_in_the_log()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));

        Fails("acknowledged before it is in the log", () => _bench.Judge.Answered(put, "put at 2 in 1", 2));
    }

    [Fact]
    public void A_write_answered_with_another_revision()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));
        _bench.Apply(put);

        Fails("reply differs from the log", () => _bench.Judge.Answered(put, "put at 3 in 1", 3));
    }

    [Fact]
    public void A_request_that_happened_twice()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));
        _bench.Apply(put);

        Fails("applied twice", () => _bench.Apply(put));
    }

    [Fact]
    public void A_repeat_taken_for_new()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));
        var bytes = _bench.Encode(put.Command!, put);
        _bench.Again(bytes, bytes);

        Fails("applied twice", () => _bench.Again(bytes, bytes, applied => applied with { Repeat = false }));
    }

    [Fact]
    public void A_request_that_happened_though_its_client_was_told_that_it_never_will()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));
        HistoryJudge.Denied(put);

        Fails("happened though denied", () => _bench.Apply(put));
    }

    [Fact]
    public void A_request_denied_after_it_happened()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));
        _bench.Apply(put);

        Fails("happened though denied", () => HistoryJudge.Denied(put));
    }

    [Fact]
    public void A_write_before_its_past()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"), floorSlot: 5);
        var result = _bench.Apply(put);

        Fails("write before its past", () => _bench.Judge.Answered(put, ReplyText.Of(result), result.Revision));
    }

    [Fact]
    public void A_revision_that_goes_back()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"), floorRevision: 9);
        var result = _bench.Apply(put);

        Fails("revision goes back", () => _bench.Judge.Answered(put, ReplyText.Of(result), result.Revision));
    }

    [Fact]
    public void A_stale_read()
    {
        _bench.Apply(ModelBench.Put("a1", "one"));
        var slot = _bench.View.AppliedSlot;
        var read = ModelBench.Read(Key, floorSlot: slot + 1);

        Fails("stale read", () => _bench.Judge.ReadAnswered(read, slot, ReplyText.Of(_bench.View.Range(Key)), -1, fresh: true));
        _bench.Judge.ReadAnswered(read, slot, ReplyText.Of(_bench.View.Range(Key)), -1, fresh: false);
    }

    [Fact]
    public void A_read_of_what_never_was() => Fails("read differs from the log", () =>
    {
        _bench.Apply(ModelBench.Put("a1", "one"));
        _bench.Judge.ReadAnswered(ModelBench.Read(Key), _bench.View.AppliedSlot, ReplyText.Range(["a1=two@2/2v1"], false, 1), -1, fresh: true);
    });

    [Fact]
    public void A_store_that_applies_something_else()
    {
        var put = ModelBench.Write(ModelBench.Put("a1", "one"));
        var logged = _bench.Encode(put.Command!, put);
        var other = CommandCodec.Encode(7, 2, 2, new WriteCommand(new DeleteRangeOp(KeyRange.SingleKey("a1"u8.ToArray()))));

        Fails("reply differs from the log", () => _bench.Again(logged, other));
    }

    // Leases.

    [Fact]
    public void A_lease_that_ends_early()
    {
        _bench.Apply(new LeaseGrantCommand(1, 10));

        Fails("lease ended early", () => _bench.Nothing(storesTime: TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void A_lease_that_outlives_its_time()
    {
        _bench.Apply(new LeaseGrantCommand(1, 10));
        _bench.Pass(TimeSpan.FromSeconds(10));

        Fails("lease outlives its time", () => _bench.Nothing(storesTime: TimeSpan.FromSeconds(9)));
    }

    [Fact]
    public void A_lease_that_ends_before_what_its_keeper_was_told()
    {
        var keep = ModelBench.Write(new LeaseKeepAliveCommand([1]));
        _bench.Apply(new LeaseGrantCommand(1, 10));
        var result = _bench.Apply(keep);
        _bench.Judge.Answered(keep, ReplyText.Of(result), result.Revision);
        _bench.Pass(TimeSpan.FromSeconds(10));
        _bench.Nothing(storesTime: TimeSpan.FromSeconds(10));

        Assert.Empty(_bench.View.LeaseIds());
    }

    /// <summary>The judge once held it to what was told of the one before: seed 1000062659 of commit 7e6566b.</summary>
    [Fact]
    public void A_lease_that_takes_the_id_of_one_revoked_in_the_same_slot_owes_nothing_for_it()
    {
        var (grant, keep, keepLate) = (ModelBench.Write(new LeaseGrantCommand(1, 10)), ModelBench.Write(new LeaseKeepAliveCommand([1])), ModelBench.Write(new LeaseKeepAliveCommand([1])));
        Answered(grant, _bench.Apply(grant));
        Answered(keep, _bench.Apply(keep));
        var late = _bench.Apply(keepLate);
        var again = ModelBench.Write(new LeaseGrantCommand(1, 2));
        var results = _bench.Together(ModelBench.Write(new LeaseRevokeCommand(1)), again);
        Answered(again, results[1]);
        Answered(keepLate, late);
        _bench.Pass(TimeSpan.FromSeconds(2));
        _bench.Nothing(storesTime: TimeSpan.FromSeconds(2));

        Assert.Empty(_bench.View.LeaseIds());
    }

    [Fact]
    public void A_lease_granted_anew_is_held_to_its_own_time()
    {
        var again = ModelBench.Write(new LeaseGrantCommand(1, 10));
        _bench.Apply(new LeaseGrantCommand(1, 2));
        var results = _bench.Together(ModelBench.Write(new LeaseRevokeCommand(1)), again);
        Answered(again, results[1]);

        Fails("lease ended early", () => _bench.Nothing(storesTime: TimeSpan.FromSeconds(10)));
    }

    private void Answered(Call call, KvResult result) => _bench.Judge.Answered(call, ReplyText.Of(result), result.Revision);

    // Users and roles.

    [Fact]
    public void A_write_of_one_who_may_not()
    {
        var put = Forbidden();
        var allowed = CommandCodec.Encode(7, 100, 1, put.Command! with { Caller = Caller.Node });

        Fails("permission", () => _bench.Again(_bench.Encode(put.Command!, put), allowed));
    }

    [Fact]
    public void A_write_refused_to_one_who_may()
    {
        Forbidden();
        var put = ModelBench.Write(ModelBench.Put("b1", "x") with { Caller = new Caller("ann", _bench.View.Auth.Revision) });

        Fails("permission", () => _bench.Apply(put, a => a with { Result = new RefusedResult(KvErrorCode.PermissionDenied) { Revision = a.Result.Revision, Term = a.Result.Term } }));
    }

    [Fact]
    public void Data_shown_to_one_who_may_not_see_it()
    {
        var caller = Forbidden().Caller;

        Fails("permission", () => _bench.Judge.ReadAnswered(ModelBench.Read(Key, caller), _bench.View.AppliedSlot, ReplyText.Of(_bench.View.Range(Key)), -1, fresh: true));
        _bench.Judge.ReadAnswered(ModelBench.Read(Key, caller), _bench.View.AppliedSlot, ReplyText.Refused(KvErrorCode.PermissionDenied), -1, fresh: true);
    }

    /// <summary>Callers are checked, ann may read and write what begins with b; a write of hers elsewhere.</summary>
    private Call Forbidden()
    {
        _bench.Apply(ModelBench.Put("a1", "secret"));
        KvCommand[] setup =
        [
            new UserAddCommand("root", "hash"), new UserRoleCommand("root", "root", Grant: true), new UserAddCommand("ann", "hash"), new RoleAddCommand("writer"),
            new RoleGrantCommand("writer", new Permission(Access.ReadWrite, ModelBench.Prefix("b"))), new UserRoleCommand("ann", "writer", Grant: true), new AuthSwitchCommand(true),
        ];
        foreach (var command in setup) Assert.IsType<DoneResult>(_bench.Apply(command));
        return ModelBench.Write(ModelBench.Put("a1", "two") with { Caller = new Caller("ann", _bench.View.Auth.Revision) });
    }

    private static void Fails(string invariant, Action act) => Assert.Equal(invariant, Assert.Throws<ViolationException>(act).Invariant);
}
