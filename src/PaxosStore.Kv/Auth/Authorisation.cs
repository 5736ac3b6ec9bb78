using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>
/// What a caller may do in one state. Nothing is let pass because it will not be executed: both branches of a transaction are judged, at every depth, so
/// that an answer never depends on what the caller may not see.
/// </summary>
internal readonly struct Authorisation(AuthState auth, ImmutableSortedDictionary<long, KeyLease> leases, Caller? caller)
{
    /// <summary>Whether the caller may have a command applied.</summary>
    public KvErrorCode Check(KvCommand command)
    {
        if (!auth.Enabled) return KvErrorCode.None;
        return command switch
        {
            WriteCommand write => Check(write.Op),
            LeaseRevokeCommand revoke => CheckLease(revoke.Id, Access.Write),

            // Renewals are judged one by one.
            LeaseGrantCommand or LeaseKeepAliveCommand => auth.CheckUser(caller),

            // Shows credentials of its own.
            AuthenticateCommand => KvErrorCode.None,
            _ => auth.CheckAdmin(caller),
        };
    }

    /// <summary>Whether the caller may do all that an operation does or would do.</summary>
    public KvErrorCode Check(KvOp op)
    {
        if (!auth.Enabled) return KvErrorCode.None;
        return op switch
        {
            RangeOp range => auth.Check(caller, Access.Read, range.Range),
            PutOp put => Check(put),
            DeleteRangeOp delete => auth.Check(caller, delete.PreviousKvs ? Access.ReadWrite : Access.Write, delete.Range),
            TxnOp txn => Check(txn),
            _ => auth.CheckAdmin(caller),
        };
    }

    /// <summary>Whether the caller has <paramref name="access"/> to all keys of a lease.</summary>
    public KvErrorCode CheckLease(long id, Access access)
    {
        var error = auth.CheckUser(caller);
        if (error != KvErrorCode.None || !leases.TryGetValue(id, out var lease)) return error;
        foreach (var key in lease.Keys)
        {
            error = auth.Check(caller, access, KeyRange.SingleKey(key));
            if (error != KvErrorCode.None) return error;
        }

        return KvErrorCode.None;
    }

    private KvErrorCode Check(PutOp put)
    {
        // What is kept or given back is read: that it is there shows.
        var reads = put.PreviousKv || put.IgnoreValue || put.IgnoreLease;
        var error = auth.Check(caller, reads ? Access.ReadWrite : Access.Write, KeyRange.SingleKey(put.Key));

        // Whoever attaches a key to a lease shares its end with the keys it has: only for one who may delete those.
        return error != KvErrorCode.None || put.Lease == 0 ? error : CheckLease(put.Lease, Access.Write);
    }

    private KvErrorCode Check(TxnOp txn)
    {
        var error = auth.CheckUser(caller);
        if (error != KvErrorCode.None) return error;
        if (!txn.Compare.IsDefault)
        {
            foreach (var comparison in txn.Compare)
            {
                error = auth.Check(caller, Access.Read, comparison.Range);
                if (error != KvErrorCode.None) return error;
            }
        }

        error = Check(txn.Success);
        return error != KvErrorCode.None ? error : Check(txn.Failure);
    }

    private KvErrorCode Check(ImmutableArray<KvOp> ops)
    {
        if (ops.IsDefault) return KvErrorCode.None;
        foreach (var op in ops)
        {
            var error = Check(op);
            if (error != KvErrorCode.None) return error;
        }

        return KvErrorCode.None;
    }
}
