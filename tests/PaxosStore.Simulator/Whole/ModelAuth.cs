using System.Collections.Immutable;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>Users, roles and who may do what, as the model has it. Immutable, so that what held at any slot can be asked later.</summary>
internal sealed record ModelAuth
{
    private const string Root = "root";

    public static readonly ModelAuth Initial = new();

    public bool Enabled { get; private init; }

    public long Revision { get; private init; } = 1;

    /// <summary>Each user's roles.</summary>
    private ImmutableDictionary<string, ImmutableHashSet<string>> Users { get; init; } = ImmutableDictionary<string, ImmutableHashSet<string>>.Empty;

    private ImmutableHashSet<string> Passwords { get; init; } = [];

    /// <summary>Each role's permissions.</summary>
    private ImmutableDictionary<string, ImmutableList<Permission>> Roles { get; init; } = ImmutableDictionary<string, ImmutableList<Permission>>.Empty;

    // Who may.

    public KvErrorCode Knows(Caller? caller)
    {
        if (!Enabled || caller is { User: "" }) return KvErrorCode.None;
        if (caller is not { } known) return KvErrorCode.UserEmpty;
        if (known.AuthRevision < Revision) return KvErrorCode.AuthOldRevision;
        return Users.ContainsKey(known.User) ? KvErrorCode.None : KvErrorCode.PermissionDenied;
    }

    private bool IsAdmin(Caller? caller) => !Enabled || caller!.Value.User.Length == 0 || Users[caller.Value.User].Contains(Root);

    private KvErrorCode Admin(Caller? caller) => Knows(caller) is var e && e != KvErrorCode.None ? e : IsAdmin(caller) ? KvErrorCode.None : KvErrorCode.PermissionDenied;

    public KvErrorCode May(Caller? caller, Access access, KeyRange range)
    {
        var error = Knows(caller);
        if (error != KvErrorCode.None || IsAdmin(caller)) return error;
        var allowed = (!access.HasFlag(Access.Read) || Covered(caller!.Value.User, Access.Read, range))
            && (!access.HasFlag(Access.Write) || Covered(caller!.Value.User, Access.Write, range));
        return allowed ? KvErrorCode.None : KvErrorCode.PermissionDenied;
    }

    /// <summary>Whether a user's permissions, laid end to end, reach from the first to the last key of a range.</summary>
    private bool Covered(string user, Access access, KeyRange range)
    {
        var (reached, end) = Interval(range);
        var permitted = Users[user].SelectMany(r => Roles.GetValueOrDefault(r) ?? []).Where(p => p.Access.HasFlag(access)).Select(p => Interval(p.Range)).ToList();
        while (end is null || string.CompareOrdinal(reached, end) < 0)
        {
            var at = permitted.FindIndex(p => string.CompareOrdinal(p.Start, reached) <= 0 && (p.End is null || string.CompareOrdinal(p.End, reached) > 0));
            if (at < 0) return false;
            if (permitted[at].End is not { } next) return true;
            reached = next;
        }

        return true;
    }

    private static (string Start, string? End) Interval(KeyRange range)
    {
        var start = ReplyText.Text(range.Start);
        return range.End is not { } end ? (start, start + "\0") : (start, end.IsEmpty ? null : ReplyText.Text(end));
    }

    /// <summary>Whether a caller may have an operation done, whichever branches of it are taken.</summary>
    public KvErrorCode May(Caller? caller, KvOp op, Func<long, IEnumerable<string>> keysOfLease)
    {
        if (!Enabled) return KvErrorCode.None;
        switch (op)
        {
            case RangeOp range:
                return May(caller, Access.Read, range.Range);
            case PutOp put:
                var access = put.PreviousKv || put.IgnoreValue || put.IgnoreLease ? Access.ReadWrite : Access.Write;
                var error = May(caller, access, KeyRange.SingleKey(put.Key));
                return error != KvErrorCode.None || put.Lease == 0 ? error : MayLease(caller, put.Lease, keysOfLease);
            case DeleteRangeOp delete:
                return May(caller, delete.PreviousKvs ? Access.ReadWrite : Access.Write, delete.Range);
            case TxnOp txn:
                var all = new[] { Knows(caller) }.Concat(txn.Compare.Select(c => May(caller, Access.Read, c.Range)))
                    .Concat(txn.Success.Concat(txn.Failure).Select(inner => May(caller, inner, keysOfLease)));
                return all.FirstOrDefault(e => e != KvErrorCode.None);
            default:
                throw new InvalidOperationException($"the model knows no {op.GetType().Name}");
        }
    }

    public KvErrorCode MayLease(Caller? caller, long lease, Func<long, IEnumerable<string>> keysOfLease) =>
        Knows(caller) is var known && known != KvErrorCode.None ? known
            : keysOfLease(lease).Select(k => May(caller, Access.Write, KeyRange.SingleKey(ReplyText.Bytes(k)))).FirstOrDefault(e => e != KvErrorCode.None);

    public KvErrorCode May(KvCommand command, Func<long, IEnumerable<string>> keysOfLease) => !Enabled ? KvErrorCode.None : command switch
    {
        WriteCommand c => May(c.Caller, c.Op, keysOfLease),
        LeaseRevokeCommand c => MayLease(c.Caller, c.Id, keysOfLease),
        LeaseGrantCommand or LeaseKeepAliveCommand => Knows(command.Caller),
        AuthenticateCommand => KvErrorCode.None,
        _ => Admin(command.Caller),
    };

    // Changes.

    public (ModelAuth After, KvErrorCode Refusal) Change(AuthCommand command) => command switch
    {
        AuthSwitchCommand c => Switch(c.Enable),
        UserAddCommand c => Users.ContainsKey(c.Name) ? No(KvErrorCode.UserExists)
            : Yes(this with { Users = Users.Add(c.Name, []), Passwords = c.PasswordHash is null ? Passwords : Passwords.Add(c.Name) }),
        UserDeleteCommand c => Enabled && c.Name == Root ? No(KvErrorCode.InvalidAuthManagement) : !Users.ContainsKey(c.Name) ? No(KvErrorCode.UserNotFound)
            : Yes(this with { Users = Users.Remove(c.Name), Passwords = Passwords.Remove(c.Name) }),
        UserPasswordCommand c => Users.ContainsKey(c.Name) ? Yes(this) : No(KvErrorCode.UserNotFound),
        UserRoleCommand c => ChangeUser(c),
        RoleAddCommand c => Roles.ContainsKey(c.Name) ? No(KvErrorCode.RoleExists) : Yes(this with { Roles = Roles.Add(c.Name, []) }),
        RoleDeleteCommand c => !Roles.ContainsKey(c.Name) ? No(KvErrorCode.RoleNotFound)
            : Yes(this with { Roles = Roles.Remove(c.Name), Users = Users.ToImmutableDictionary(u => u.Key, u => u.Value.Remove(c.Name)) }),
        RoleGrantCommand c => !Roles.TryGetValue(c.Role, out var had) ? No(KvErrorCode.RoleNotFound)
            : Yes(this with { Roles = Roles.SetItem(c.Role, had.RemoveAll(p => Interval(p.Range) == Interval(c.Permission.Range)).Add(c.Permission)) }),
        RoleRevokeCommand c => !Roles.TryGetValue(c.Role, out var has) ? No(KvErrorCode.RoleNotFound)
            : !has.Exists(p => Interval(p.Range) == Interval(c.Range)) ? No(KvErrorCode.PermissionNotGranted)
            : Yes(this with { Roles = Roles.SetItem(c.Role, has.RemoveAll(p => Interval(p.Range) == Interval(c.Range))) }),
        AuthenticateCommand c => !Enabled ? No(KvErrorCode.AuthNotEnabled) : c.SeenRevision != Revision ? No(KvErrorCode.AuthOldRevision)
            : Passwords.Contains(c.User) ? (this, KvErrorCode.None) : No(KvErrorCode.AuthFailed),
        _ => throw new InvalidOperationException($"the model knows no {command.GetType().Name}"),
    };

    private (ModelAuth, KvErrorCode) Switch(bool on)
    {
        if (on == Enabled) return (this, KvErrorCode.None);
        if (!on) return Yes(this with { Enabled = false });
        if (!Users.TryGetValue(Root, out var roles)) return No(KvErrorCode.RootUserNotExist);
        return roles.Contains(Root) ? (this with { Enabled = true }, KvErrorCode.None) : No(KvErrorCode.RootRoleNotExist);
    }

    private (ModelAuth, KvErrorCode) ChangeUser(UserRoleCommand c)
    {
        if (!c.Grant && Enabled && c is { User: Root, Role: Root }) return No(KvErrorCode.InvalidAuthManagement);
        if (!Users.TryGetValue(c.User, out var roles)) return No(KvErrorCode.UserNotFound);
        if (c.Grant)
        {
            if (c.Role != Root && !Roles.ContainsKey(c.Role)) return No(KvErrorCode.RoleNotFound);
            return roles.Contains(c.Role) ? (this, KvErrorCode.None) : Yes(this with { Users = Users.SetItem(c.User, roles.Add(c.Role)) });
        }

        return roles.Contains(c.Role) ? Yes(this with { Users = Users.SetItem(c.User, roles.Remove(c.Role)) }) : No(KvErrorCode.RoleNotGranted);
    }

    private (ModelAuth, KvErrorCode) No(KvErrorCode code) => (this, code);

    private static (ModelAuth, KvErrorCode) Yes(ModelAuth changed) => (changed with { Revision = changed.Revision + 1 }, KvErrorCode.None);
}
