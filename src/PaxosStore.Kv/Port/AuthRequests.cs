using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>What a permission allows.</summary>
[Flags]
public enum Access
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>To read and to watch.</summary>
    Read = 1,

    /// <summary>To put and to delete.</summary>
    Write = 2,

    /// <summary>Both.</summary>
    ReadWrite = 3,
}

/// <summary>Access to some keys.</summary>
public readonly record struct Permission(Access Access, KeyRange Range);

/// <summary>A command about users, roles and tokens.</summary>
public abstract record AuthCommand : KvCommand;

/// <summary>Switches the checking of callers on (which needs a user <c>root</c> with the role <c>root</c>) or off (which ends all tokens).</summary>
public sealed record AuthSwitchCommand(bool Enable) : AuthCommand;

/// <summary>Adds a user.</summary>
/// <param name="Name">Not empty.</param>
/// <param name="PasswordHash">Hash of the password, made at the door; null for a user that has none and is known by other means.</param>
public sealed record UserAddCommand(string Name, string? PasswordHash) : AuthCommand;

/// <summary>Deletes a user and its tokens.</summary>
public sealed record UserDeleteCommand(string Name) : AuthCommand;

/// <summary>Changes a user's password and ends its tokens.</summary>
public sealed record UserPasswordCommand(string Name, string PasswordHash) : AuthCommand;

/// <summary>Gives a role to a user, or takes it.</summary>
public sealed record UserRoleCommand(string User, string Role, bool Grant) : AuthCommand;

/// <summary>Adds a role without permissions.</summary>
public sealed record RoleAddCommand(string Name) : AuthCommand;

/// <summary>Deletes a role and takes it from all users.</summary>
public sealed record RoleDeleteCommand(string Name) : AuthCommand;

/// <summary>Gives a role a permission; one for the same range is replaced.</summary>
public sealed record RoleGrantCommand(string Role, Permission Permission) : AuthCommand;

/// <summary>Takes the permission for exactly this range from a role.</summary>
public sealed record RoleRevokeCommand(string Role, KeyRange Range) : AuthCommand;

/// <summary>Creates a token for a user whose password a door has checked.</summary>
/// <param name="User">Whose.</param>
/// <param name="SeenRevision">Revision of users and roles at which the password was right: refused when it has moved on.</param>
/// <param name="TokenId">Digest of the token; the token itself is known to its owner only.</param>
/// <param name="TtlSeconds">How long it lasts unused, in log time.</param>
public sealed record AuthenticateCommand(string User, long SeenRevision, string TokenId, long TtlSeconds) : AuthCommand;

/// <summary>Renews tokens that were used; unknown ones are passed over. Only nodes send it.</summary>
public sealed record TouchTokensCommand(ImmutableArray<string> TokenIds) : AuthCommand;
