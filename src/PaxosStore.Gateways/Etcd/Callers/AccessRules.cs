using System.Collections.Frozen;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>How a request is judged once callers are checked.</summary>
internal enum AccessRule
{
    /// <summary>Only the role <c>root</c> may; whoever adds a method and says nothing gets this.</summary>
    Root,

    /// <summary>Only the role <c>root</c> may; it concerns this member alone, which judges by what it knows as long as that says that nobody is checked.</summary>
    RootHere,

    /// <summary>Every user may.</summary>
    User,

    /// <summary>Everybody may.</summary>
    Everybody,

    /// <summary>It depends on what is asked: judged by the state machine when a command is applied, by the service on the view it reads from.</summary>
    ByContent,
}

/// <summary>The rule of every method.</summary>
internal static class AccessRules
{
    private static readonly FrozenDictionary<string, AccessRule> Rules = Table().ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The rule of a method, named as gRPC names it: <c>/package.Service/Method</c>.</summary>
    internal static AccessRule Of(string method) => Rules.GetValueOrDefault(method, AccessRule.Root);

    private static IEnumerable<KeyValuePair<string, AccessRule>> Table() =>
    [
        .. Service("etcdserverpb.KV", AccessRule.ByContent, "Range", "RangeStream", "Put", "DeleteRange", "Txn", "Compact"),
        .. Service("etcdserverpb.Watch", AccessRule.ByContent, "Watch"),
        .. Service("etcdserverpb.Lease", AccessRule.ByContent, "LeaseGrant", "LeaseRevoke", "LeaseKeepAlive", "LeaseTimeToLive", "LeaseLeases"),

        // As with etcd 3.4 and 3.5: clients, Patroni among them, look for the members before they sign in to one.
        .. Service("etcdserverpb.Cluster", AccessRule.Everybody, "MemberList"),
        .. Service("etcdserverpb.Cluster", AccessRule.Root, "MemberAdd", "MemberRemove", "MemberUpdate", "MemberPromote"),
        .. Service("etcdserverpb.Maintenance", AccessRule.User, "Status"),
        .. Service("etcdserverpb.Maintenance", AccessRule.ByContent, "Alarm"),
        .. Service("etcdserverpb.Maintenance", AccessRule.RootHere, "Defragment", "Hash", "HashKV", "Snapshot"),
        .. Service("etcdserverpb.Maintenance", AccessRule.Root, "MoveLeader", "Downgrade"),
        .. Service("etcdserverpb.Auth", AccessRule.Everybody, "Authenticate", "AuthStatus"),
        .. Service(
            "etcdserverpb.Auth", AccessRule.ByContent, "AuthEnable", "AuthDisable", "UserAdd", "UserGet", "UserList", "UserDelete",
            "UserChangePassword", "UserGrantRole", "UserRevokeRole", "RoleAdd", "RoleGet", "RoleList", "RoleDelete", "RoleGrantPermission",
            "RoleRevokePermission"),
        .. Service("v3lockpb.Lock", AccessRule.ByContent, "Lock", "Unlock"),
        .. Service("v3electionpb.Election", AccessRule.ByContent, "Campaign", "Proclaim", "Leader", "Observe", "Resign"),
        .. Service("grpc.health.v1.Health", AccessRule.Everybody, "Check", "Watch"),
    ];

    private static IEnumerable<KeyValuePair<string, AccessRule>> Service(string service, AccessRule rule, params string[] methods) =>
        methods.Select(method => KeyValuePair.Create($"/{service}/{method}", rule));
}
