using Authpb;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Translation;
using PaxosStore.Kv;
using Permission = PaxosStore.Kv.Permission;
using WirePermission = Authpb.Permission;

namespace PaxosStore.Gateways.Etcd.Services;

/// <summary>Users, roles and tokens.</summary>
internal sealed class AuthService(Doorkeeper doorkeeper, Passwords passwords, Headers headers, IKvStore store, IOptions<EtcdDoorOptions> options) : Auth.AuthBase
{
    private const int MostAttempts = 4;

    /// <inheritdoc/>
    public override async Task<AuthEnableResponse> AuthEnable(AuthEnableRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new AuthSwitchCommand(Enable: true), context) };

    /// <inheritdoc/>
    public override async Task<AuthDisableResponse> AuthDisable(AuthDisableRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new AuthSwitchCommand(Enable: false), context) };

    /// <inheritdoc/>
    public override async Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, ServerCallContext context)
    {
        var view = await store.ReadAsync(ReadConsistency.Linearizable, context.CancellationToken);
        return new AuthStatusResponse { Header = headers.At(view), Enabled = view.Auth.Enabled, AuthRevision = (ulong)view.Auth.Revision };
    }

    /// <summary>
    /// Gives a token for a password. The password is checked here, against the hash in a fresh view; the state machine gives the token only if users and
    /// roles are still the same, else it is all done again.
    /// </summary>
    public override async Task<AuthenticateResponse> Authenticate(AuthenticateRequest request, ServerCallContext context)
    {
        var cancellation = context.CancellationToken;
        for (var attempt = 1; ; attempt++)
        {
            var view = await store.ReadAsync(ReadConsistency.Linearizable, cancellation);
            if (!view.Auth.Enabled) throw EtcdErrors.AuthNotEnabled;
            if (!view.Auth.Users.TryGetValue(request.Name, out var user)) throw EtcdErrors.AuthFailed;
            if (user.PasswordHash is null) throw EtcdErrors.NoPasswordUser;
            if (!await passwords.VerifyAsync(request.Password, user.PasswordHash, cancellation)) throw EtcdErrors.AuthFailed;
            if (doorkeeper.Jwt is { } jwt) return new AuthenticateResponse { Header = headers.At(view), Token = jwt.Create(user.Name, view.Auth.Revision) };
            var token = Tokens.Draw(view.AppliedSlot);
            var ttl = Math.Max(1, (long)options.Value.AuthTokenTtl.TotalSeconds);
            try
            {
                var result = await store.ExecuteAsync(new AuthenticateCommand(user.Name, view.Auth.Revision, Tokens.Id(token), ttl), cancellation);
                return new AuthenticateResponse { Header = headers.At(result), Token = token };
            }
            catch (KvException e) when (e.Code == KvErrorCode.AuthOldRevision && attempt < MostAttempts)
            {
                // Somebody has changed users or roles meanwhile.
            }
        }
    }

    /// <inheritdoc/>
    public override async Task<AuthUserAddResponse> UserAdd(AuthUserAddRequest request, ServerCallContext context)
    {
        await DemandAdminAsync(context);
        if (request.Name.Length == 0) throw EtcdErrors.UserEmpty;
        var hash = request.Options is { NoPassword: true } ? null : await passwords.HashAsync(request.Password, context.CancellationToken);
        return new AuthUserAddResponse { Header = await RunAsync(new UserAddCommand(request.Name, hash), context) };
    }

    /// <inheritdoc/>
    public override async Task<AuthUserGetResponse> UserGet(AuthUserGetRequest request, ServerCallContext context)
    {
        var (view, caller) = await doorkeeper.ReadAsync(ReadConsistency.Linearizable, context, context.CancellationToken);
        Doorkeeper.Demand(view.Auth.CheckUserGet(caller, request.Name));
        if (!view.Auth.Users.TryGetValue(request.Name, out var user)) throw EtcdErrors.UserNotFound;
        return new AuthUserGetResponse { Header = headers.At(view), Roles = { user.Roles } };
    }

    /// <inheritdoc/>
    public override async Task<AuthUserListResponse> UserList(AuthUserListRequest request, ServerCallContext context)
    {
        var view = await DemandAdminAsync(context);
        return new AuthUserListResponse { Header = headers.At(view), Users = { view.Auth.Users.Keys } };
    }

    /// <inheritdoc/>
    public override async Task<AuthUserDeleteResponse> UserDelete(AuthUserDeleteRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new UserDeleteCommand(request.Name), context) };

    /// <inheritdoc/>
    public override async Task<AuthUserChangePasswordResponse> UserChangePassword(AuthUserChangePasswordRequest request, ServerCallContext context)
    {
        await DemandAdminAsync(context);
        var hash = await passwords.HashAsync(request.Password, context.CancellationToken);
        return new AuthUserChangePasswordResponse { Header = await RunAsync(new UserPasswordCommand(request.Name, hash), context) };
    }

    /// <inheritdoc/>
    public override async Task<AuthUserGrantRoleResponse> UserGrantRole(AuthUserGrantRoleRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new UserRoleCommand(request.User, request.Role, Grant: true), context) };

    /// <inheritdoc/>
    public override async Task<AuthUserRevokeRoleResponse> UserRevokeRole(AuthUserRevokeRoleRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new UserRoleCommand(request.Name, request.Role, Grant: false), context) };

    /// <inheritdoc/>
    public override async Task<AuthRoleAddResponse> RoleAdd(AuthRoleAddRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new RoleAddCommand(request.Name), context) };

    /// <inheritdoc/>
    public override async Task<AuthRoleGetResponse> RoleGet(AuthRoleGetRequest request, ServerCallContext context)
    {
        var (view, caller) = await doorkeeper.ReadAsync(ReadConsistency.Linearizable, context, context.CancellationToken);
        Doorkeeper.Demand(view.Auth.CheckRoleGet(caller, request.Role));
        if (!view.Auth.Roles.TryGetValue(request.Role, out var role)) throw EtcdErrors.RoleNotFound;
        var reply = new AuthRoleGetResponse { Header = headers.At(view) };

        // What the role may, whatever it was granted: everything.
        if (role.Name == AuthState.Root) reply.Perm.Add(new WirePermission { PermType = WirePermission.Types.Type.Readwrite, RangeEnd = ByteString.CopyFrom(0) });
        else reply.Perm.AddRange(role.Permissions.Select(Wire));
        return reply;
    }

    /// <inheritdoc/>
    public override async Task<AuthRoleListResponse> RoleList(AuthRoleListRequest request, ServerCallContext context)
    {
        var view = await DemandAdminAsync(context);
        return new AuthRoleListResponse { Header = headers.At(view), Roles = { view.Auth.Roles.Keys } };
    }

    /// <inheritdoc/>
    public override async Task<AuthRoleDeleteResponse> RoleDelete(AuthRoleDeleteRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new RoleDeleteCommand(request.Role), context) };

    /// <inheritdoc/>
    public override async Task<AuthRoleGrantPermissionResponse> RoleGrantPermission(AuthRoleGrantPermissionRequest request, ServerCallContext context)
    {
        if (request.Perm is null || request.Perm.PermType is < WirePermission.Types.Type.Read or > WirePermission.Types.Type.Readwrite)
            throw EtcdErrors.PermissionNotGiven;
        var range = ToKv.Range(request.Perm.Key, request.Perm.RangeEnd);
        if (request.Perm.Key.IsEmpty || (range.End is { IsEmpty: false } end && range.Start.Span.SequenceCompareTo(end.Span) >= 0))
        {
            await DemandAdminAsync(context);
            throw EtcdErrors.InvalidAuthManagement;
        }

        var command = new RoleGrantCommand(request.Name, new Permission((Access)((int)request.Perm.PermType + 1), range));
        return new AuthRoleGrantPermissionResponse { Header = await RunAsync(command, context) };
    }

    /// <inheritdoc/>
    public override async Task<AuthRoleRevokePermissionResponse> RoleRevokePermission(AuthRoleRevokePermissionRequest request, ServerCallContext context) =>
        new() { Header = await RunAsync(new RoleRevokeCommand(request.Role, ToKv.Range(request.Key, request.RangeEnd)), context) };

    private async Task<ResponseHeader> RunAsync(AuthCommand command, ServerCallContext context) =>
        headers.At(await doorkeeper.ExecuteAsync(command, context, context.CancellationToken));

    /// <summary>Before costly work, and for what is only read. What is written is judged again when it is applied.</summary>
    private async Task<KvView> DemandAdminAsync(ServerCallContext context)
    {
        var (view, caller) = await doorkeeper.ReadAsync(ReadConsistency.Linearizable, context, context.CancellationToken);
        Doorkeeper.Demand(view.Auth.CheckAdmin(caller));
        return view;
    }

    private static WirePermission Wire(Permission permission) => new()
    {
        PermType = (WirePermission.Types.Type)((int)permission.Access - 1),
        Key = UnsafeByteOperations.UnsafeWrap(permission.Range.Start),
        RangeEnd = permission.Range.End is not { } end ? ByteString.Empty : end.IsEmpty ? ByteString.CopyFrom(0) : UnsafeByteOperations.UnsafeWrap(end),
    };
}
