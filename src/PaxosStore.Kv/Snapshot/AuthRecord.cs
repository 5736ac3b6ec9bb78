using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>The bytes of users, roles and tokens in snapshots and digests.</summary>
internal static class AuthRecord
{
    public static void WriteSwitch(ByteWriter writer, AuthState auth)
    {
        writer.Flag(auth.Enabled);
        writer.Signed(auth.Revision);
        writer.Unsigned((ulong)auth.Users.Count);
        writer.Unsigned((ulong)auth.Roles.Count);
        writer.Unsigned((ulong)auth.Tokens.Count);
    }

    public static void Write(ByteWriter writer, AuthUser user)
    {
        writer.Text(user.Name);
        writer.Flag(user.PasswordHash is not null);
        if (user.PasswordHash is { } hash) writer.Text(hash);
        CommandCodec.WriteTexts(writer, [.. user.Roles]);
    }

    public static AuthUser ReadUser(ref ByteReader reader)
    {
        var (name, hash) = (reader.Text(), reader.Flag() ? reader.Text() : null);
        var roles = CommandCodec.ReadTexts(ref reader);
        for (var i = 1; i < roles.Length; i++)
        {
            if (string.CompareOrdinal(roles[i - 1], roles[i]) >= 0) throw new FormatException("roles of a user are not in order");
        }

        return new AuthUser(name, hash, ImmutableSortedSet.Create(StringComparer.Ordinal, [.. roles]));
    }

    public static void Write(ByteWriter writer, AuthRole role)
    {
        writer.Text(role.Name);
        writer.Unsigned((uint)role.Permissions.Length);
        foreach (var permission in role.Permissions) CommandCodec.WritePermission(writer, permission);
    }

    public static AuthRole ReadRole(ref ByteReader reader)
    {
        var (name, count) = (reader.Text(), reader.Count());
        var permissions = ImmutableArray.CreateBuilder<Permission>();
        for (var i = 0; i < count; i++)
        {
            // Byte strings read are slices of the record, which lives in a buffer that is used again.
            var read = CommandCodec.ReadPermission(ref reader);
            var end = read.Range.End is { } bytes ? bytes.ToArray() : (ReadOnlyMemory<byte>?)null;
            permissions.Add(read with { Range = new KeyRange(read.Range.Start.ToArray(), end) });
            if (i > 0 && AuthState.Compare(permissions[i - 1].Range, permissions[i].Range) >= 0) throw new FormatException("permissions are not in order");
        }

        return new AuthRole(name, permissions.ToImmutable());
    }

    public static void Write(ByteWriter writer, string id, AuthToken token)
    {
        writer.Text(id);
        writer.Text(token.User);
        writer.Signed(token.TtlSeconds);
        writer.Signed(token.Deadline.Ticks);
    }

    public static (string Id, AuthToken Token) ReadToken(ref ByteReader reader) =>
        (reader.Text(), new AuthToken(reader.Text(), reader.Signed(), new TimeSpan(reader.Signed())));
}

/// <summary>Puts users, roles and tokens together from the records of a snapshot.</summary>
internal sealed class AuthBuilder
{
    private readonly bool _enabled;
    private readonly long _revision;
    private readonly ulong _users;
    private readonly ulong _roles;
    private readonly ulong _tokenCount;
    private readonly SortedDictionary<string, AuthUser> _byName = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, AuthRole> _rolesByName = new(StringComparer.Ordinal);
    private AuthTokens _tokens = AuthTokens.None;
    private (SnapshotTag Tag, string Name) _last;

    public AuthBuilder(ref ByteReader reader) =>
        (_enabled, _revision, _users, _roles, _tokenCount) = (reader.Flag(), reader.Signed(), reader.Unsigned(), reader.Unsigned(), reader.Unsigned());

    /// <exception cref="FormatException">It can't stand there.</exception>
    public void Take(SnapshotTag tag, ref ByteReader reader)
    {
        string name;
        switch (tag)
        {
            case SnapshotTag.User:
                var user = AuthRecord.ReadUser(ref reader);
                _byName[name = user.Name] = user;
                break;
            case SnapshotTag.Role:
                var role = AuthRecord.ReadRole(ref reader);
                _rolesByName[name = role.Name] = role;
                break;
            default:
                (name, var token) = AuthRecord.ReadToken(ref reader);
                if (!_byName.ContainsKey(token.User)) throw new FormatException("a token belongs to no user");
                _tokens = _tokens.Set(name, token);
                break;
        }

        if (_last.Tag == tag && string.CompareOrdinal(_last.Name, name) >= 0) throw new FormatException("users, roles or tokens are not in order");
        _last = (tag, name);
    }

    /// <exception cref="FormatException">Something is missing.</exception>
    public AuthState Finish()
    {
        if ((ulong)_byName.Count != _users) throw new FormatException($"{_byName.Count} of {_users} users are there");
        if ((ulong)_rolesByName.Count != _roles) throw new FormatException($"{_rolesByName.Count} of {_roles} roles are there");
        if ((ulong)_tokens.Count != _tokenCount) throw new FormatException($"{_tokens.Count} of {_tokenCount} tokens are there");
        if (_revision < 1) throw new FormatException("the revision of users and roles is not positive");
        return AuthState.Restore(_enabled, _revision, _byName.Values, _rolesByName.Values, _tokens);
    }
}
