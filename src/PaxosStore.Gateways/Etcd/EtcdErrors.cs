using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// Every error this door answers. Clients recognise errors by the exact text, so the texts are the contract; codes decide whether they retry.
/// </summary>
internal static class EtcdErrors
{
    // The request's own shape.
    internal static RpcException EmptyKey => Error(StatusCode.InvalidArgument, "key is not provided");
    internal static RpcException KeyNotFound => Error(StatusCode.InvalidArgument, "key not found");
    internal static RpcException ValueProvided => Error(StatusCode.InvalidArgument, "value is provided");
    internal static RpcException LeaseProvided => Error(StatusCode.InvalidArgument, "lease is provided");
    internal static RpcException TooManyOps => Error(StatusCode.InvalidArgument, "too many operations in txn request");
    internal static RpcException DuplicateKey => Error(StatusCode.InvalidArgument, "duplicate key given in txn request");
    internal static RpcException InvalidSort => Error(StatusCode.InvalidArgument, "invalid sort option");
    internal static RpcException InvalidCompare => Error(StatusCode.InvalidArgument, "invalid compare option");
    internal static RpcException RequestTooLarge => Error(StatusCode.InvalidArgument, "request is too large");
    internal static RpcException LeaseTtlTooLarge => Error(StatusCode.OutOfRange, "too large lease TTL");
    internal static RpcException BadMessage => new(new Status(StatusCode.Internal, "grpc: error unmarshalling request"));

    // gRPC for Go names the form too, which ours keeps to itself.
    private static RpcException BadFrame => new(new Status(StatusCode.Internal, "grpc: received unexpected payload format"));

    internal static RpcException Unexpected => new(new Status(StatusCode.Internal, "etcdserver: internal error"));

    // The state.
    internal static RpcException Compacted => Error(StatusCode.OutOfRange, "mvcc: required revision has been compacted");
    internal static RpcException FutureRevision => Error(StatusCode.OutOfRange, "mvcc: required revision is a future revision");
    internal static RpcException LeaseNotFound => Error(StatusCode.NotFound, "requested lease not found");
    internal static RpcException LeaseExists => Error(StatusCode.FailedPrecondition, "lease already exists");

    // The members.
    internal static RpcException MemberBadUrls => Error(StatusCode.InvalidArgument, "given member URLs are invalid");
    internal static RpcException MemberNotFound => Error(StatusCode.NotFound, "member not found");
    internal static RpcException PeerUrlExists => Error(StatusCode.FailedPrecondition, "Peer URLs already exists");
    internal static RpcException TooManyLearners => Error(StatusCode.FailedPrecondition, "too many learner members in cluster");
    internal static RpcException MemberNotLearner => Error(StatusCode.FailedPrecondition, "can only promote a learner member");
    internal static RpcException LearnerNotReady => Error(StatusCode.FailedPrecondition, "can only promote a learner member which is in sync with leader");
    internal static RpcException NotLeader => Error(StatusCode.FailedPrecondition, "not leader");
    internal static RpcException BadLeaderTransferee => Error(StatusCode.FailedPrecondition, "bad leader transferee");

    // Clients know the text; that the code is none of the contract's is etcd's doing.
    internal static RpcException MemberNotEnoughStarted => Error(StatusCode.Unknown, "re-configuration failed due to not enough started members");

    // etcd has no words for it: its log takes one change after the other without telling.
    internal static RpcException Reconfiguring => Error(StatusCode.Unavailable, "another change of the members is under way, try again shortly");

    // Users, roles and callers.
    internal static RpcException UserEmpty => Error(StatusCode.InvalidArgument, "user name is empty");
    internal static RpcException RoleEmpty => Error(StatusCode.InvalidArgument, "role name is empty");
    internal static RpcException AuthFailed => Error(StatusCode.InvalidArgument, "authentication failed, invalid user ID or password");
    internal static RpcException PermissionNotGiven => Error(StatusCode.InvalidArgument, "permission not given");
    internal static RpcException InvalidAuthManagement => Error(StatusCode.InvalidArgument, "invalid auth management");
    internal static RpcException AuthOldRevision => Error(StatusCode.InvalidArgument, "revision of auth store is old");
    internal static RpcException RootUserNotExist => Error(StatusCode.FailedPrecondition, "root user does not exist");
    internal static RpcException RootRoleNotExist => Error(StatusCode.FailedPrecondition, "root user does not have root role");
    internal static RpcException UserExists => Error(StatusCode.FailedPrecondition, "user name already exists");
    internal static RpcException UserNotFound => Error(StatusCode.FailedPrecondition, "user name not found");
    internal static RpcException RoleExists => Error(StatusCode.FailedPrecondition, "role name already exists");
    internal static RpcException RoleNotFound => Error(StatusCode.FailedPrecondition, "role name not found");
    internal static RpcException RoleNotGranted => Error(StatusCode.FailedPrecondition, "role is not granted to the user");
    internal static RpcException PermissionNotGranted => Error(StatusCode.FailedPrecondition, "permission is not granted to the role");
    internal static RpcException AuthNotEnabled => Error(StatusCode.FailedPrecondition, "authentication is not enabled");
    internal static RpcException PermissionDenied => Error(StatusCode.PermissionDenied, "permission denied");
    internal static RpcException InvalidAuthToken => Error(StatusCode.Unauthenticated, "invalid auth token");

    // bcrypt looks no further: whoever relied on the rest would be let in without it.
    internal static RpcException PasswordTooLong => Error(StatusCode.InvalidArgument, "password is longer than 72 bytes");

    // etcd forgot this one in its table of errors, so it goes out bare.
    internal static RpcException NoPasswordUser =>
        new(new Status(StatusCode.Unknown, "auth: authentication failed, password was given for no password user"));

    // Downgrades.
    internal static RpcException DowngradeVersionFormat => Error(StatusCode.InvalidArgument, "wrong downgrade target version format");
    internal static RpcException DowngradeVersion => Error(StatusCode.InvalidArgument, "invalid downgrade target version");
    internal static RpcException NoDowngrade => Error(StatusCode.FailedPrecondition, "no inflight downgrade job");

    // The store.
    internal static RpcException NoSpace => Error(StatusCode.ResourceExhausted, "mvcc: database space exceeded");
    internal static RpcException UnknownAlarm => Error(StatusCode.InvalidArgument, "unknown alarm");
    internal static RpcException TooManyRequests => Error(StatusCode.ResourceExhausted, "too many requests");
    internal static RpcException NoLeader => Error(StatusCode.Unavailable, "no leader");
    internal static RpcException LeaderChanged => Error(StatusCode.Unavailable, "leader changed");
    internal static RpcException RequestTimedOut => Error(StatusCode.Unavailable, "request timed out");
    internal static RpcException ServerStopped => Error(StatusCode.Unavailable, "server stopped");
    internal static RpcException CorruptCluster => Error(StatusCode.DataLoss, "corrupt cluster");

    // The client itself.
    internal static RpcException RequestCanceled => Error(StatusCode.Cancelled, "request canceled");
    internal static RpcException WatchCanceled => Error(StatusCode.Cancelled, "watch canceled");
    internal static RpcException DeadlineExceeded => new(new Status(StatusCode.DeadlineExceeded, "context deadline exceeded"));

    // Locks and elections; etcd's recipes speak for themselves, without the server's prefix.
    internal static RpcException LockExpired => Plain("mutex: session is expired");
    internal static RpcException CandidateExpired => Plain("election: session is expired");
    internal static RpcException ElectionNoLeader => Plain("election: no leader");
    internal static RpcException ElectionNotLeader => Plain("election: not leader");
    internal static RpcException MissingLeaderKey => Plain("\"leader\" field must be provided");

    // Reads in pieces.
    internal static RpcException StreamSort => new(new Status(StatusCode.Unimplemented, "RangeStream does not support custom sort orders"));
    internal static RpcException StreamFilter => new(new Status(StatusCode.Unimplemented, "RangeStream does not support revision filters"));

    // Reasons a watcher is refused travel inside the stream, as plain text.
    internal const string WatchCompacted = "etcdserver: mvcc: required revision has been compacted";
    internal const string WatchDuplicateId = "mvcc: duplicate watch ID provided on the WatchStream";
    internal const string WatchEmptyRange = "mvcc: watcher range is empty";

    /// <summary>Why a watcher is refused for want of permission: the error as Go prints it, which clients look into.</summary>
    internal static string WatchRefused(RpcException error) => $"rpc error: code = {error.StatusCode} desc = {error.Status.Detail}";

    // What a member reports of itself in Status.
    internal const string StatusNoLeader = "etcdserver: no leader";

    /// <summary>A member without a vote serves next to nothing. The code changed with etcd 3.6, and clients know which by the version.</summary>
    internal static RpcException NotForLearner(bool atLeast36) =>
        Error(atLeast36 ? StatusCode.FailedPrecondition : StatusCode.Unavailable, "rpc not supported for learner");

    /// <summary>The answer to a request that failed with <paramref name="exception"/>; null when nothing of the kind is expected.</summary>
    internal static RpcException? Map(Exception exception, ServerCallContext context) => exception switch
    {
        KvException refused => FromStore(refused.Code),
        OperationCanceledException or IOException when context.CancellationToken.IsCancellationRequested => Cancelled(context),
        OperationCanceledException => RequestTimedOut,
        InvalidProtocolBufferException => BadMessage,

        // What a call reads from its client is framed as nothing that gRPC knows: the library, unlike this store, throws that at whoever reads.
        InvalidDataException { Source: "Grpc.AspNetCore.Server" } => BadFrame,
        _ => null,
    };

    private static RpcException Cancelled(ServerCallContext context) =>
        context.Deadline <= DateTime.UtcNow ? DeadlineExceeded : RequestCanceled;

    internal static RpcException FromStore(KvErrorCode code) => code switch
    {
        KvErrorCode.KeyNotFound => KeyNotFound,
        KvErrorCode.Compacted => Compacted,
        KvErrorCode.FutureRevision => FutureRevision,
        KvErrorCode.LeaseNotFound => LeaseNotFound,
        KvErrorCode.LeaseExists => LeaseExists,
        KvErrorCode.RequestTooLarge => RequestTooLarge,
        KvErrorCode.ClientSessionExpired => RequestTimedOut,
        KvErrorCode.NoSpace => NoSpace,
        KvErrorCode.MemberNotFound => MemberNotFound,
        KvErrorCode.PeerUrlExists => PeerUrlExists,
        KvErrorCode.TooManyObservers => TooManyLearners,
        KvErrorCode.MemberNotObserver => MemberNotLearner,
        KvErrorCode.ObserverNotReady => LearnerNotReady,
        KvErrorCode.UnhealthyCluster => MemberNotEnoughStarted,
        KvErrorCode.NotLeader => NotLeader,
        KvErrorCode.BadLeaderTarget => BadLeaderTransferee,
        KvErrorCode.ReconfigurationInProgress => Reconfiguring,
        KvErrorCode.InvalidPeerUrl => MemberBadUrls,
        KvErrorCode.WrongIncarnation => Unexpected,
        KvErrorCode.UserEmpty => UserEmpty,
        KvErrorCode.PermissionDenied => PermissionDenied,
        KvErrorCode.AuthOldRevision => AuthOldRevision,
        KvErrorCode.AuthFailed => AuthFailed,
        KvErrorCode.AuthNotEnabled => AuthNotEnabled,
        KvErrorCode.RootUserNotExist => RootUserNotExist,
        KvErrorCode.RootRoleNotExist => RootRoleNotExist,
        KvErrorCode.UserExists => UserExists,
        KvErrorCode.UserNotFound => UserNotFound,
        KvErrorCode.RoleEmpty => RoleEmpty,
        KvErrorCode.RoleExists => RoleExists,
        KvErrorCode.RoleNotFound => RoleNotFound,
        KvErrorCode.RoleNotGranted => RoleNotGranted,
        KvErrorCode.PermissionNotGranted => PermissionNotGranted,
        KvErrorCode.InvalidAuthManagement => InvalidAuthManagement,
        KvErrorCode.Overloaded => TooManyRequests,
        KvErrorCode.NoLeader => NoLeader,
        KvErrorCode.Timeout => RequestTimedOut,
        KvErrorCode.LeaderChanged => LeaderChanged,
        KvErrorCode.Stopped => ServerStopped,
        KvErrorCode.Corrupt => CorruptCluster,
        _ => new RpcException(new Status(StatusCode.Unknown, $"etcdserver: {code}")),
    };

    /// <summary>Whether a method belongs to the services of locks and elections.</summary>
    internal static bool IsRecipe(string method) =>
        method.StartsWith("/v3lockpb.", StringComparison.Ordinal) || method.StartsWith("/v3electionpb.", StringComparison.Ordinal);

    /// <summary>
    /// The error as a service of locks or elections answers it: etcd's are clients of itself and lose the code on the way. What tells a client to try again, to
    /// sign in, to ask for a permission, or that it has gone itself, keeps its code here.
    /// </summary>
    internal static RpcException OfRecipe(RpcException error) =>
        error.StatusCode is StatusCode.Unavailable or StatusCode.Cancelled or StatusCode.DeadlineExceeded or StatusCode.Unauthenticated or StatusCode.PermissionDenied
            ? error
            : Plain(error.Status.Detail);

    private static RpcException Plain(string text) => new(new Status(StatusCode.Unknown, text));

    private static RpcException Error(StatusCode code, string text) => new(new Status(code, "etcdserver: " + text));
}
