using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>What commands do to it. Whether the caller may have them done has been judged before.</summary>
public sealed partial class AuthState
{
    internal const int MostExpiriesPerBatch = 1_000;

    /// <summary>The state after a command, or why it is refused.</summary>
    internal (AuthState After, KvErrorCode Refusal) Apply(AuthCommand command, TimeSpan now) => command switch
    {
        AuthSwitchCommand { Enable: true } => Enable(),
        AuthSwitchCommand => (Enabled ? Copy(enabled: false, tokens: AuthTokens.None, changed: true) : this, KvErrorCode.None),
        UserAddCommand c => AddUser(c),
        UserDeleteCommand c => DeleteUser(c.Name),
        UserPasswordCommand c => ChangePassword(c),
        UserRoleCommand c => c.Grant ? GrantRole(c) : RevokeRole(c),
        RoleAddCommand c => AddRole(c.Name),
        RoleDeleteCommand c => DeleteRole(c.Name),
        RoleGrantCommand c => GrantPermission(c),
        RoleRevokeCommand c => RevokePermission(c),
        AuthenticateCommand c => Authenticate(c, now),
        TouchTokensCommand c => (Touch(c, now), KvErrorCode.None),
        _ => throw new InvalidOperationException($"Unknown command {command.GetType().Name}."),
    };

    /// <summary>Without the tokens whose time is over, a bounded number of them at a time.</summary>
    internal AuthState Expire(TimeSpan now)
    {
        var tokens = Tokens.Expire(now, MostExpiriesPerBatch);
        return ReferenceEquals(tokens, Tokens) ? this : Copy(tokens: tokens);
    }

    /// <summary>The same users and roles without anybody signed in.</summary>
    internal AuthState WithoutTokens() => Copy(tokens: AuthTokens.None);

    /// <summary>Puts a state together as it was.</summary>
    internal static AuthState Restore(bool enabled, long revision, IEnumerable<AuthUser> users, IEnumerable<AuthRole> roles, AuthTokens tokens)
    {
        var (byName, rolesByName) = (users.Select(u => KeyValuePair.Create(u.Name, u)), roles.Select(r => KeyValuePair.Create(r.Name, r)));
        return new AuthState(enabled, revision, NoUsers.AddRange(byName), NoRoles.AddRange(rolesByName), NoGrants(), tokens);
    }

    private (AuthState, KvErrorCode) Enable()
    {
        if (Enabled) return (this, KvErrorCode.None);
        if (!_users.TryGetValue(Root, out var root)) return (this, KvErrorCode.RootUserNotExist);
        return root.IsRoot ? (Copy(enabled: true), KvErrorCode.None) : (this, KvErrorCode.RootRoleNotExist);
    }

    private (AuthState, KvErrorCode) AddUser(UserAddCommand command)
    {
        if (command.Name.Length == 0) return (this, KvErrorCode.UserEmpty);
        if (_users.ContainsKey(command.Name)) return (this, KvErrorCode.UserExists);
        return Changed(_users.Add(command.Name, new AuthUser(command.Name, command.PasswordHash, NoNames)));
    }

    private (AuthState, KvErrorCode) DeleteUser(string name)
    {
        if (Enabled && name == Root) return (this, KvErrorCode.InvalidAuthManagement);
        return _users.ContainsKey(name) ? Changed(_users.Remove(name), tokens: Tokens.RemoveOf(name)) : (this, KvErrorCode.UserNotFound);
    }

    private (AuthState, KvErrorCode) ChangePassword(UserPasswordCommand command)
    {
        if (!_users.TryGetValue(command.Name, out var user)) return (this, KvErrorCode.UserNotFound);

        // A user that was made without a password keeps having none.
        var changed = user.PasswordHash is null ? user : user with { PasswordHash = command.PasswordHash };
        return Changed(_users.SetItem(user.Name, changed), tokens: Tokens.RemoveOf(user.Name));
    }

    private (AuthState, KvErrorCode) GrantRole(UserRoleCommand command)
    {
        if (!_users.TryGetValue(command.User, out var user)) return (this, KvErrorCode.UserNotFound);
        if (command.Role != Root && !_roles.ContainsKey(command.Role)) return (this, KvErrorCode.RoleNotFound);
        if (user.Roles.Contains(command.Role)) return (this, KvErrorCode.None);
        return Changed(_users.SetItem(user.Name, user with { Roles = user.Roles.Add(command.Role) }));
    }

    private (AuthState, KvErrorCode) RevokeRole(UserRoleCommand command)
    {
        if (Enabled && command is { User: Root, Role: Root }) return (this, KvErrorCode.InvalidAuthManagement);
        if (!_users.TryGetValue(command.User, out var user)) return (this, KvErrorCode.UserNotFound);
        if (!user.Roles.Contains(command.Role)) return (this, KvErrorCode.RoleNotGranted);
        return Changed(_users.SetItem(user.Name, user with { Roles = user.Roles.Remove(command.Role) }));
    }

    private (AuthState, KvErrorCode) AddRole(string name)
    {
        if (name.Length == 0) return (this, KvErrorCode.RoleEmpty);
        return _roles.ContainsKey(name) ? (this, KvErrorCode.RoleExists) : Changed(roles: _roles.Add(name, new AuthRole(name, [])));
    }

    private (AuthState, KvErrorCode) DeleteRole(string name)
    {
        if (Enabled && name == Root) return (this, KvErrorCode.InvalidAuthManagement);
        if (!_roles.ContainsKey(name)) return (this, KvErrorCode.RoleNotFound);
        var users = _users;
        foreach (var user in _users.Values.Where(u => u.Roles.Contains(name))) users = users.SetItem(user.Name, user with { Roles = user.Roles.Remove(name) });
        return Changed(users, _roles.Remove(name));
    }

    private (AuthState, KvErrorCode) GrantPermission(RoleGrantCommand command)
    {
        if (!_roles.TryGetValue(command.Role, out var role)) return (this, KvErrorCode.RoleNotFound);
        var permissions = role.Permissions.RemoveAll(p => Compare(p.Range, command.Permission.Range) == 0);
        var place = permissions.Count(p => Compare(p.Range, command.Permission.Range) < 0);
        return Changed(roles: _roles.SetItem(role.Name, role with { Permissions = permissions.Insert(place, command.Permission) }));
    }

    private (AuthState, KvErrorCode) RevokePermission(RoleRevokeCommand command)
    {
        if (!_roles.TryGetValue(command.Role, out var role)) return (this, KvErrorCode.RoleNotFound);
        var permissions = role.Permissions.RemoveAll(p => Compare(p.Range, command.Range) == 0);
        if (permissions.Length == role.Permissions.Length) return (this, KvErrorCode.PermissionNotGranted);
        return Changed(roles: _roles.SetItem(role.Name, role with { Permissions = permissions }));
    }

    private (AuthState, KvErrorCode) Authenticate(AuthenticateCommand command, TimeSpan now)
    {
        if (!Enabled) return (this, KvErrorCode.AuthNotEnabled);

        // What the door saw may no longer hold: it is to look again.
        if (command.SeenRevision != Revision) return (this, KvErrorCode.AuthOldRevision);
        if (!_users.TryGetValue(command.User, out var user) || user.PasswordHash is null) return (this, KvErrorCode.AuthFailed);
        var tokens = Tokens.Count >= MostTokens ? Tokens.RemoveFirst() : Tokens;
        var token = new AuthToken(user.Name, command.TtlSeconds, KeyLeases.After(now, command.TtlSeconds));
        return (Copy(tokens: tokens.Set(command.TokenId, token)), KvErrorCode.None);
    }

    private AuthState Touch(TouchTokensCommand command, TimeSpan now)
    {
        var tokens = Tokens;
        foreach (var id in command.TokenIds)
        {
            if (tokens.Find(id) is { } token) tokens = tokens.Set(id, token with { Deadline = KeyLeases.After(now, token.TtlSeconds) });
        }

        return ReferenceEquals(tokens, Tokens) ? this : Copy(tokens: tokens);
    }

    private (AuthState, KvErrorCode) Changed(
        ImmutableSortedDictionary<string, AuthUser>? users = null, ImmutableSortedDictionary<string, AuthRole>? roles = null, AuthTokens? tokens = null)
    {
        return (new AuthState(Enabled, Revision + 1, users ?? _users, roles ?? _roles, NoGrants(), tokens ?? Tokens), KvErrorCode.None);
    }

    private AuthState Copy(bool? enabled = null, AuthTokens? tokens = null, bool changed = false)
    {
        var alike = !changed && (enabled ?? Enabled) == Enabled;
        return new AuthState(enabled ?? Enabled, changed ? Revision + 1 : Revision, _users, _roles, _grants, tokens ?? Tokens, alike ? _hash : null);
    }

    /// <summary>Order of permissions in a role: by first key, then by end, the single key first and the open end last.</summary>
    internal static int Compare(in KeyRange x, in KeyRange y)
    {
        var order = x.Start.Span.SequenceCompareTo(y.Start.Span);
        if (order != 0) return order;
        var (kind, other) = (Kind(x), Kind(y));
        return kind != other || kind != 1 ? kind.CompareTo(other) : x.End!.Value.Span.SequenceCompareTo(y.End!.Value.Span);

        static int Kind(in KeyRange range) => range.End is not { } end ? 0 : end.IsEmpty ? 2 : 1;
    }
}
