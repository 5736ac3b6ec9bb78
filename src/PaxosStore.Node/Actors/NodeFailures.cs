using PaxosStore.Consensus;

namespace PaxosStore.Node.Actors;

/// <summary>Why nodes stop for good, in words that name the way back.</summary>
internal static class NodeFailures
{
    public static NodeFailure JournalLost(NodeContext node) => new(
        $"member {node.Self} ('{node.Settings.Name}') has voted before, but {node.Settings.DataDirectory} does not hold its journal: it must not vote again. "
        + $"Bring the old directory back; or remove the member (etcdctl member remove {node.Self}), add it anew (etcdctl member add) and start it on an empty "
        + "directory with --initial-cluster-state existing");

    public static NodeFailure Removed(NodeContext node) => new(
        $"member {node.Self} ('{node.Settings.Name}') was removed from the cluster. To come back, add it anew (etcdctl member add) and start it on an empty "
        + "directory with --initial-cluster-state existing");

    public static NodeFailure AnotherNodes(NodeContext node, NodeIdentity found, string name) => new(
        $"the journal in {node.Settings.DataDirectory} belongs to member {found.Self} ('{name}') of cluster {found.ClusterId:x}, this node is "
        + $"{new NodeId(node.Settings.MemberId)} of {node.Settings.ClusterId:x}: start it with the flags of that member (peer URL, initial-cluster, token) or with another --data-dir; "
        + "if members' addresses were changed while it was down (etcdctl member update), with --initial-cluster-state existing");

    public static NodeFailure Corrupt(NodeContext node, long slot) => new(
        $"the state of member {node.Self} ('{node.Settings.Name}') differs from the other members' at slot {slot}: it must not be served. Alarm CORRUPT is up. "
        + "Remove the member, add it anew on an empty directory, and disarm the alarm (etcdctl alarm disarm)");
}
