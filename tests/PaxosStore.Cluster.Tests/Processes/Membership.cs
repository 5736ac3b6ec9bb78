using System.Diagnostics;
using Etcdserverpb;
using Grpc.Core;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Lets members of a running cluster come and go, by the calls that etcdctl makes.</summary>
internal sealed class Membership(TestCluster cluster)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Adds a member, starts it, and waits until it has its vote and serves. A member added without the wish to stay a learner gets its vote from this
    /// store by itself; an etcd would count it at once, before it has started, so there it is always a learner first.
    /// </summary>
    public async Task<NodeProcess> AddAsync(bool learner = false)
    {
        learner |= cluster.Target.IsEtcd;
        var ports = cluster.NewPorts();
        var members = await AddMemberAsync($"{cluster.PeerScheme}://127.0.0.1:{ports.Advertised}", learner);
        var node = cluster.NewNode(ports, members);
        node.Start();
        await node.WaitReadyAsync(Limit);
        if (learner)
            await PromoteAsync(node);
        await WaitVoterAsync(node);
        await cluster.WaitServingAsync(node, Limit);
        cluster.Enlist(node);
        return node;
    }

    /// <summary>Removes a member and waits until its process has ended by itself, if it ran; its exit code.</summary>
    public async Task<int> RemoveAsync(NodeProcess node)
    {
        var id = (await MemberAsync(node)).ID;
        await UntilAsync($"remove {node}", node, async client =>
        {
            try
            {
                await client.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = id }, deadline: NodeClient.Within(CallLimit));
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
            {
                Trace.WriteLine("an earlier attempt removed it");
            }

            return true;
        });
        cluster.Retire(node);
        return node.WasStarted ? await node.WaitExitAsync(Limit) : 0;
    }

    /// <summary>The member as the others know it.</summary>
    public async Task<Member> MemberAsync(NodeProcess node) => (await ListAsync(node)).Single(m => m.PeerURLs.Contains(node.PeerUrl));

    private async Task<IReadOnlyList<Member>> ListAsync(NodeProcess? avoid)
    {
        IReadOnlyList<Member> members = [];
        await UntilAsync("list the members", avoid, async client =>
        {
            members = [.. (await client.Cluster.MemberListAsync(new MemberListRequest { Linearizable = true }, deadline: NodeClient.Within(CallLimit))).Members];
            return true;
        });
        return members;
    }

    /// <summary>The flags that the new member starts with. An attempt of unknown fate shows in the list of members.</summary>
    private async Task<string[]> AddMemberAsync(string peerUrl, bool learner)
    {
        IReadOnlyList<Member> members = [];
        await UntilAsync("add a member", null, async client =>
        {
            members = await ListAsync(null);
            if (members.Any(m => m.PeerURLs.Contains(peerUrl)))
                return true;
            var request = new MemberAddRequest { PeerURLs = { peerUrl }, IsLearner = learner };
            members = [.. (await client.Cluster.MemberAddAsync(request, deadline: NodeClient.Within(CallLimit))).Members];
            return true;
        });
        var known = members.Where(m => m.Name.Length > 0).Select(m => $"{m.Name}={m.PeerURLs[0]}");
        return ["--initial-cluster-state", "existing", "--initial-cluster", string.Join(',', [.. known, $"{cluster.NextName}={peerUrl}"])];
    }

    private Task PromoteAsync(NodeProcess node) => UntilAsync($"promote {node}", node, async client =>
    {
        var member = await MemberAsync(node);
        if (member.IsLearner)
            await client.Cluster.MemberPromoteAsync(new MemberPromoteRequest { ID = member.ID }, deadline: NodeClient.Within(CallLimit));
        return true;
    });

    private Task WaitVoterAsync(NodeProcess node) => UntilAsync($"see {node} vote", node, async _ => !(await MemberAsync(node)).IsLearner);

    /// <summary>Tries at one member after another until it works; a change that has to wait (for another change, for a learner to catch up) is an error to clients.</summary>
    private async Task UntilAsync(string what, NodeProcess? avoid, Func<NodeClient, Task<bool>> attempt)
    {
        var watch = Stopwatch.StartNew();
        for (var i = 0; ; i++)
        {
            var candidates = cluster.Nodes.Zip(cluster.Clients).Where(p => p.First != avoid && p.First.IsRunning).Select(p => p.Second).ToArray();
            var reason = candidates.Length > 0 ? "not yet" : "no member is running";
            try
            {
                if (candidates.Length > 0 && await attempt(candidates[i % candidates.Length]))
                    return;
            }
            catch (RpcException e)
            {
                reason = e.Status.ToString();
            }

            if (watch.Elapsed > Limit)
                throw new TimeoutException($"could not {what} within {Limit.TotalSeconds} s: {reason}");
            await Task.Delay(20);
        }
    }
}
