using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>
/// Users, roles and tokens: a table of the replicated state. Immutable, as all of a view; every change makes another one. Revisions here are its own and
/// count changes of users and roles, not of keys.
/// </summary>
public sealed partial class AuthState
{
    /// <summary>The user without whom checking can't be switched on, and the role that may do everything.</summary>
    public const string Root = "root";

    /// <summary>Most tokens; when there are more, those end that would end first.</summary>
    public const int MostTokens = 100_000;

    private static readonly ImmutableSortedDictionary<string, AuthUser> NoUsers = ImmutableSortedDictionary.Create<string, AuthUser>(StringComparer.Ordinal);
    private static readonly ImmutableSortedDictionary<string, AuthRole> NoRoles = ImmutableSortedDictionary.Create<string, AuthRole>(StringComparer.Ordinal);
    private static readonly ImmutableSortedSet<string> NoNames = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    private readonly ImmutableSortedDictionary<string, AuthUser> _users;
    private readonly ImmutableSortedDictionary<string, AuthRole> _roles;

    /// <summary>What users may do, united when first asked for: a change of users and roles costs nothing here, and begins anew.</summary>
    private readonly ConcurrentDictionary<string, Grants> _grants;

    private readonly Lazy<UInt128> _hash;

    private AuthState(
        bool enabled, long revision, ImmutableSortedDictionary<string, AuthUser> users, ImmutableSortedDictionary<string, AuthRole> roles,
        ConcurrentDictionary<string, Grants> grants, AuthTokens tokens, Lazy<UInt128>? hash = null)
    {
        (Enabled, Revision, _users, _roles, _grants, Tokens) = (enabled, revision, users, roles, grants, tokens);
        _hash = hash ?? new Lazy<UInt128>(HashUsersAndRoles);
    }

    /// <summary>Checking is off and there is nobody.</summary>
    public static AuthState Initial { get; } =
        new(enabled: false, 1, NoUsers, NoRoles, NoGrants(), AuthTokens.None);

    /// <summary>Whether callers are checked.</summary>
    public bool Enabled { get; }

    /// <summary>Grows with every change of users and roles.</summary>
    public long Revision { get; }

    /// <summary>Users by name.</summary>
    public IReadOnlyDictionary<string, AuthUser> Users => _users;

    /// <summary>Roles by name.</summary>
    public IReadOnlyDictionary<string, AuthRole> Roles => _roles;

    /// <summary>
    /// The caller of what this node does by itself: <see cref="Caller.Node"/>. While nobody is checked it needs none, so that members of older versions
    /// understand the log during an upgrade.
    /// </summary>
    public Caller? ThisNode => Enabled ? Caller.Node : null;

    internal AuthTokens Tokens { get; }

    /// <summary>Nobody has ever made use of it: such a state leaves no trace in snapshots and checksums.</summary>
    internal bool IsUntouched => ReferenceEquals(this, Initial) || (Revision == 1 && !Enabled && _users.IsEmpty && _roles.IsEmpty && Tokens.Count == 0);

    /// <summary>Sum of hashes for the view's checksum; users and roles are hashed again after each change of them.</summary>
    internal UInt128 Sum => IsUntouched ? 0 : _hash.Value + Tokens.Sum;

    /// <summary>The token of that id, or null when there is none or its time is over.</summary>
    public AuthToken? Token(string id, TimeSpan logTime) => Tokens.Find(id) is { } token && token.Deadline > logTime ? token : null;

    /// <summary>Whether the caller is known and up to date: <see cref="KvErrorCode.None"/>, or why not.</summary>
    public KvErrorCode CheckUser(Caller? caller)
    {
        if (!Enabled || caller is { IsNode: true }) return KvErrorCode.None;
        if (caller is not { } known) return KvErrorCode.UserEmpty;
        if (known.AuthRevision < Revision) return KvErrorCode.AuthOldRevision;
        return _users.ContainsKey(known.User) ? KvErrorCode.None : KvErrorCode.PermissionDenied;
    }

    /// <summary>Whether the caller may do everything.</summary>
    public KvErrorCode CheckAdmin(Caller? caller) =>
        CheckUser(caller) is var error && error != KvErrorCode.None ? error : IsRoot(caller) ? KvErrorCode.None : KvErrorCode.PermissionDenied;

    /// <summary>Whether the caller has <paramref name="access"/> to all of <paramref name="range"/>.</summary>
    public KvErrorCode Check(Caller? caller, Access access, in KeyRange range)
    {
        var error = CheckUser(caller);
        if (error != KvErrorCode.None || IsRoot(caller)) return error;
        var grants = _grants.GetOrAdd(caller!.Value.User, static (name, state) => Grants.Of(state._users[name], state._roles), this);
        return grants.Allow(access, range) ? KvErrorCode.None : KvErrorCode.PermissionDenied;
    }

    /// <summary>Whether the caller may look at a user: at itself always.</summary>
    public KvErrorCode CheckUserGet(Caller? caller, string user) =>
        CheckUser(caller) is var error && error != KvErrorCode.None ? error : caller?.User == user ? KvErrorCode.None : CheckAdmin(caller);

    /// <summary>Whether the caller may look at a role: at its own always.</summary>
    public KvErrorCode CheckRoleGet(Caller? caller, string role)
    {
        var error = CheckUser(caller);
        if (error != KvErrorCode.None || !Enabled || caller is { IsNode: true }) return error;
        return _users[caller!.Value.User].Roles.Contains(role) ? KvErrorCode.None : CheckAdmin(caller);
    }

    private UInt128 HashUsersAndRoles()
    {
        var writer = new ByteWriter(1024);
        writer.Flag(Enabled);
        writer.Signed(Revision);
        foreach (var user in _users.Values) AuthRecord.Write(writer, user);
        foreach (var role in _roles.Values) AuthRecord.Write(writer, role);
        return StateHash.OfAuth(writer.Written);
    }

    private static ConcurrentDictionary<string, Grants> NoGrants() => new(StringComparer.Ordinal);

    /// <summary>For callers that have passed <see cref="CheckUser"/>.</summary>
    private bool IsRoot(Caller? caller) => !Enabled || caller is { IsNode: true } || _users[caller!.Value.User].IsRoot;
}
