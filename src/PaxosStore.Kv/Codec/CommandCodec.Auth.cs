namespace PaxosStore.Kv;

public static partial class CommandCodec
{
    private static void WriteAuth(ByteWriter writer, AuthCommand command)
    {
        writer.Byte((byte)TagOf(command));
        switch (command)
        {
            case AuthSwitchCommand c:
                writer.Flag(c.Enable);
                break;
            case UserAddCommand c:
                writer.Text(c.Name);
                writer.Flag(c.PasswordHash is not null);
                if (c.PasswordHash is not null) writer.Text(c.PasswordHash);
                break;
            case UserDeleteCommand c:
                writer.Text(c.Name);
                break;
            case UserPasswordCommand c:
                writer.Text(c.Name);
                writer.Text(c.PasswordHash);
                break;
            case UserRoleCommand c:
                writer.Text(c.User);
                writer.Text(c.Role);
                writer.Flag(c.Grant);
                break;
            case RoleAddCommand c:
                writer.Text(c.Name);
                break;
            case RoleDeleteCommand c:
                writer.Text(c.Name);
                break;
            case RoleGrantCommand c:
                writer.Text(c.Role);
                WritePermission(writer, c.Permission);
                break;
            case RoleRevokeCommand c:
                writer.Text(c.Role);
                WriteKeyRange(writer, c.Range);
                break;
            case AuthenticateCommand c:
                writer.Text(c.User);
                writer.Signed(c.SeenRevision);
                writer.Text(c.TokenId);
                writer.Signed(c.TtlSeconds);
                break;
            case TouchTokensCommand c:
                WriteTexts(writer, c.TokenIds);
                break;
        }
    }

    private static CommandTag TagOf(AuthCommand command) => command switch
    {
        AuthSwitchCommand => CommandTag.AuthSwitch,
        UserAddCommand => CommandTag.UserAdd,
        UserDeleteCommand => CommandTag.UserDelete,
        UserPasswordCommand => CommandTag.UserPassword,
        UserRoleCommand => CommandTag.UserRole,
        RoleAddCommand => CommandTag.RoleAdd,
        RoleDeleteCommand => CommandTag.RoleDelete,
        RoleGrantCommand => CommandTag.RoleGrant,
        RoleRevokeCommand => CommandTag.RoleRevoke,
        AuthenticateCommand => CommandTag.Authenticate,
        TouchTokensCommand => CommandTag.TouchTokens,
        _ => throw new ArgumentException($"Unknown command {command.GetType().Name}.", nameof(command)),
    };

    private static AuthCommand ReadAuth(CommandTag tag, ref ByteReader reader) => tag switch
    {
        CommandTag.AuthSwitch => new AuthSwitchCommand(reader.Flag()),
        CommandTag.UserAdd => new UserAddCommand(reader.Text(), reader.Flag() ? reader.Text() : null),
        CommandTag.UserDelete => new UserDeleteCommand(reader.Text()),
        CommandTag.UserPassword => new UserPasswordCommand(reader.Text(), reader.Text()),
        CommandTag.UserRole => new UserRoleCommand(reader.Text(), reader.Text(), reader.Flag()),
        CommandTag.RoleAdd => new RoleAddCommand(reader.Text()),
        CommandTag.RoleDelete => new RoleDeleteCommand(reader.Text()),
        CommandTag.RoleGrant => new RoleGrantCommand(reader.Text(), ReadPermission(ref reader)),
        CommandTag.RoleRevoke => new RoleRevokeCommand(reader.Text(), ReadKeyRange(ref reader)),
        CommandTag.Authenticate => new AuthenticateCommand(reader.Text(), reader.Signed(), reader.Text(), reader.Signed()),
        CommandTag.TouchTokens => new TouchTokensCommand(ReadTexts(ref reader)),
        _ => throw ByteReader.Malformed("command is unknown"),
    };

    internal static void WritePermission(ByteWriter writer, Permission permission)
    {
        writer.Byte((byte)permission.Access);
        WriteKeyRange(writer, permission.Range);
    }

    internal static Permission ReadPermission(ref ByteReader reader) => new(reader.Enum<Access>(), ReadKeyRange(ref reader));
}
