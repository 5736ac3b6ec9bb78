namespace PaxosStore.Kv;

/// <summary>Why a request failed; doors map these to their protocol's codes and texts.</summary>
public enum KvErrorCode
{
    /// <summary>No error.</summary>
    None = 0,

    // Refused by the request's own shape or by the state: did not happen.
    /// <summary>ignore-value or ignore-lease on a missing key.</summary>
    KeyNotFound = 2,
    /// <summary>The revision has been compacted.</summary>
    Compacted = 7,
    /// <summary>The revision is in the future.</summary>
    FutureRevision = 8,
    /// <summary>The key lease does not exist.</summary>
    LeaseNotFound = 9,
    /// <summary>The key lease exists already.</summary>
    LeaseExists = 10,
    /// <summary>The encoded request is larger than allowed.</summary>
    RequestTooLarge = 12,
    /// <summary>The client session is unknown or has expired: the node opens a new one; whether an earlier attempt happened is unknown.</summary>
    ClientSessionExpired = 13,
    /// <summary>An alarm of <see cref="AlarmKind.NoSpace"/> is up: what adds data is refused until it is disarmed.</summary>
    NoSpace = 14,

    // Refused by the cluster's membership: did not happen.
    /// <summary>No member has that id.</summary>
    MemberNotFound = 30,
    /// <summary>Another member has that peer URL.</summary>
    PeerUrlExists = 31,
    /// <summary>As many observers as allowed are members already.</summary>
    TooManyObservers = 32,
    /// <summary>The member has a vote already.</summary>
    MemberNotObserver = 33,
    /// <summary>The observer has not caught up with the leader's log.</summary>
    ObserverNotReady = 34,
    /// <summary>The change would leave too few started voters.</summary>
    UnhealthyCluster = 35,
    /// <summary>This node does not lead.</summary>
    NotLeader = 36,
    /// <summary>The node that is to lead is no voter of the cluster.</summary>
    BadLeaderTarget = 37,
    /// <summary>Another change of the members has not come into force yet: try again shortly.</summary>
    ReconfigurationInProgress = 38,
    /// <summary>The peer URL is none.</summary>
    InvalidPeerUrl = 39,
    /// <summary>The member is known by another incarnation: what publishes now has lost that one's journal and must join under a new id.</summary>
    WrongIncarnation = 40,

    // Refused by users and roles: did not happen.
    /// <summary>Callers are checked and this one showed no credentials; or the name of a user is empty.</summary>
    UserEmpty = 60,
    /// <summary>The caller may not do it.</summary>
    PermissionDenied = 61,
    /// <summary>Users or roles have changed since the caller's credentials were checked: check them again.</summary>
    AuthOldRevision = 62,
    /// <summary>No such user, a wrong password, or a user without one.</summary>
    AuthFailed = 63,
    /// <summary>Callers are not checked.</summary>
    AuthNotEnabled = 64,
    /// <summary>Checking needs a user <c>root</c>.</summary>
    RootUserNotExist = 65,
    /// <summary>Checking needs that the user <c>root</c> has the role <c>root</c>.</summary>
    RootRoleNotExist = 66,
    /// <summary>The user exists already.</summary>
    UserExists = 67,
    /// <summary>There is no such user.</summary>
    UserNotFound = 68,
    /// <summary>The name of a role is empty.</summary>
    RoleEmpty = 69,
    /// <summary>The role exists already.</summary>
    RoleExists = 70,
    /// <summary>There is no such role.</summary>
    RoleNotFound = 71,
    /// <summary>The user does not have the role.</summary>
    RoleNotGranted = 72,
    /// <summary>The role does not have the permission.</summary>
    PermissionNotGranted = 73,
    /// <summary>While callers are checked, <c>root</c> stays a user with its role.</summary>
    InvalidAuthManagement = 74,

    // The store could not serve it.
    /// <summary>Bounded queues are full: did not happen, try later.</summary>
    Overloaded = 50,
    /// <summary>No leader is known: did not happen.</summary>
    NoLeader = 51,
    /// <summary>Not decided within the request time-out; a write may still happen.</summary>
    Timeout = 52,
    /// <summary>The leader changed and the outcome could not be learned in time.</summary>
    LeaderChanged = 53,
    /// <summary>The node is stopping.</summary>
    Stopped = 54,
    /// <summary>The state is damaged; the node has stopped serving.</summary>
    Corrupt = 55,
}

/// <summary>Whether a failed write happened.</summary>
public enum KvOutcome
{
    /// <summary>It did not and never will.</summary>
    DidNotHappen,

    /// <summary>It may have happened or may happen yet.</summary>
    Unknown,
}

/// <summary>A request that could not be served.</summary>
public sealed class KvException : Exception
{
    /// <summary>Creates the error.</summary>
    public KvException(KvErrorCode code, KvOutcome outcome = KvOutcome.DidNotHappen, long compactRevision = 0)
        : base($"{code} ({outcome})")
    {
        Code = code;
        Outcome = outcome;
        CompactRevision = compactRevision;
    }

    /// <summary>Why.</summary>
    public KvErrorCode Code { get; }

    /// <summary>Whether a write happened.</summary>
    public KvOutcome Outcome { get; }

    /// <summary>With <see cref="KvErrorCode.Compacted"/>: the revision below which history is gone.</summary>
    public long CompactRevision { get; }
}
