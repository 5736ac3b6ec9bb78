using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>A user.</summary>
/// <param name="Name">Its name.</param>
/// <param name="PasswordHash">Hash of its password; null when it has none and can't sign in by one.</param>
/// <param name="Roles">Its roles, in order.</param>
public sealed record AuthUser(string Name, string? PasswordHash, ImmutableSortedSet<string> Roles)
{
    /// <summary>Whether it may do everything.</summary>
    public bool IsRoot => Roles.Contains(AuthState.Root);
}

/// <summary>A role.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Permissions">One per range, in the order of the ranges.</param>
public sealed record AuthRole(string Name, ImmutableArray<Permission> Permissions);

/// <summary>A token that stands for a user.</summary>
/// <param name="User">The user.</param>
/// <param name="TtlSeconds">How long it lasts unused.</param>
/// <param name="Deadline">Log time at which it ends.</param>
public sealed record AuthToken(string User, long TtlSeconds, TimeSpan Deadline);

/// <summary>What a user may do: the union of the permissions of its roles.</summary>
internal sealed record Grants(RangeSet Read, RangeSet Write)
{
    public static Grants Of(AuthUser user, ImmutableSortedDictionary<string, AuthRole> roles)
    {
        var permissions = user.Roles.SelectMany(role => roles.TryGetValue(role, out var found) ? found.Permissions : []).ToArray();
        return new Grants(Union(permissions, Access.Read), Union(permissions, Access.Write));
    }

    public bool Allow(Access access, in KeyRange range) =>
        (!access.HasFlag(Access.Read) || Read.Covers(range)) && (!access.HasFlag(Access.Write) || Write.Covers(range));

    private static RangeSet Union(Permission[] permissions, Access access) =>
        RangeSet.Of(permissions.Where(p => p.Access.HasFlag(access)).Select(p => p.Range));
}
