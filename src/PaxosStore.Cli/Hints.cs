using Grpc.Core;

namespace PaxosStore.Cli;

/// <summary>Errors of the cluster with the next step in them.</summary>
internal static class Hints
{
    private const string Prefix = "etcdserver: ";

    private static readonly (string Text, string NextStep)[] Known =
    [
        ("not enough started members", "start the members that are down ('paxosctl status' shows which) or add one before another goes"),
        ("in sync with leader", "start it if it does not run, and wait until 'paxosctl status' shows it applied what the leader has"),
        ("can only promote a learner member", "it has its vote already; 'paxosctl member list' shows who has none"),
        ("too many learner members", "promote or remove the one there is ('paxosctl member list'), or start the members with a higher --max-learners"),
        ("Peer URLs already exists", "'paxosctl member list' shows whose it is"),
        ("member not found", "'paxosctl member list' shows the ids"),
        ("given member URLs are invalid", "one address of the form http://host:port or https://host:port is expected"),
        ("bad leader transferee", "only a member with a vote can lead; 'paxosctl member list' shows them"),
        ("not leader", "the leader has just changed: try again"),
        ("another change of the members", "wait a moment and try again"),
        ("database space exceeded", "delete keys and compact ('paxosctl compact REVISION'), then 'paxosctl alarm disarm'"),
        ("corrupt cluster", "'paxosctl hashkv' shows which member differs: replace it, then 'paxosctl alarm disarm'"),
        ("rpc not supported for learner", "this member has no vote: name others with --endpoints"),
        ("user name is empty", "users are checked by this cluster: name one with --user NAME:PASSWORD or PAXOSCTL_USER"),
        ("invalid user ID or password", "is the name right, and the password? 'paxosctl auth-off --help' tells what to do when root's is lost"),
        ("permission denied", "this needs a user with the role root: name one with --user"),
        ("no leader", "a majority of the members must run and reach each other; 'paxosctl status' shows who does"),
        ("request timed out", "whether it happened is not known: look before trying again; 'paxosctl status' shows how the members are"),
        ("has been compacted", "'paxosctl status' shows the current revision"),
        ("is a future revision", "'paxosctl status' shows the current revision"),
    ];

    internal static string Explain(RpcException refused)
    {
        var detail = refused.Status.Detail;
        if (refused.StatusCode == StatusCode.Unimplemented) return $"the server does not serve this request ({detail}): is it a PaxosStore of this version?";
        if (refused.StatusCode == StatusCode.DeadlineExceeded) return "no answer in time: 'paxosctl status' shows how the members are; --timeout waits longer";
        var text = detail.StartsWith(Prefix, StringComparison.Ordinal) ? detail[Prefix.Length..] : detail;
        var known = Known.FirstOrDefault(hint => text.Contains(hint.Text, StringComparison.Ordinal));
        return known.NextStep is null ? $"{text} ({refused.StatusCode})" : $"{text}: {known.NextStep}";
    }

    /// <summary>Whether the failure is for want of an answer; else somebody has said no.</summary>
    internal static bool IsUnreachable(RpcException failure) =>
        failure.StatusCode is not (StatusCode.InvalidArgument or StatusCode.PermissionDenied or StatusCode.Unauthenticated);

    /// <summary>Why an endpoint does not answer, in few words.</summary>
    internal static string Unreachable(RpcException failure) => failure.StatusCode switch
    {
        StatusCode.DeadlineExceeded => "no answer in time",
        _ when failure.Status.DebugException?.GetBaseException() is OperationCanceledException => "no connection in time",
        _ when failure.Status.DebugException is { } cause => cause.GetBaseException().Message,
        _ => failure.Status.Detail,
    };
}
