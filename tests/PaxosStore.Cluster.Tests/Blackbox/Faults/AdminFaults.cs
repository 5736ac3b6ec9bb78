using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Cluster.Tests.History;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Blackbox.Faults;

/// <summary>What operators do while a store is used.</summary>
internal static class AdminFaults
{
    private const string Password = "blackbox";
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(2);

    /// <summary>A member comes as a learner and is promoted, then another goes. It is waited for past the heal: members can only change where a majority is.</summary>
    public static async Task ReplaceMemberAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var from = HistoryRecorder.Now;
        var membership = new Membership(world.Cluster);
        var added = await membership.AddAsync(learner: true);
        world.Counts.Add("member added and promoted", 1);
        var old = world.Find(fault.Target).Concat(world.Cluster.Nodes).Where(n => n != added).FirstOrDefault(world.TryTake);
        if (old is not null)
        {
            await membership.RemoveAsync(old);
            world.Counts.Add("member removed", 1);
            world.Release([old]);
        }

        world.Mark($"{added} for {old}", $"{added} {old}", from);
    }

    /// <summary>Users are checked, then not, then again, so many milliseconds each; it ends with everybody free.</summary>
    public static async Task ToggleAuthAsync(World world, PlannedFault fault, CancellationToken heal)
    {
        var from = HistoryRecorder.Now;
        var end = from + (long)(fault.Seconds * 1e9);
        while (HistoryRecorder.Now < end && !heal.IsCancellationRequested)
        {
            if (await TryAsync(world, c => c.Auth.AuthEnableAsync(new AuthEnableRequest(), deadline: NodeClient.Within(CallLimit)).ResponseAsync))
                world.Counts.Add("auth toggled", 1);
            await SignInAsync(world);
            await World.LastAsync(TimeSpan.FromMilliseconds(fault.Amount), heal);
            if (await TryAsync(world, c => c.Auth.AuthDisableAsync(new AuthDisableRequest(), deadline: NodeClient.Within(CallLimit)).ResponseAsync))
                world.Counts.Add("auth toggled", 1);
            await World.LastAsync(TimeSpan.FromMilliseconds(fault.Amount), heal);
        }

        world.Mark("auth on and off", "", from);
    }

    /// <summary>The user that may do everything.</summary>
    public static async Task AddRootAsync(TestCluster cluster)
    {
        var auth = cluster.Clients[0].Auth;
        await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = Password });
        await auth.RoleAddAsync(new AuthRoleAddRequest { Name = "root" });
        await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
    }

    /// <summary>Makes sure that nobody is asked who they are, whatever became of the toggling.</summary>
    public static async Task FreeAsync(World world)
    {
        var end = HistoryRecorder.Now + 60_000_000_000;
        while (!await TryAsync(world, c => c.Auth.AuthDisableAsync(new AuthDisableRequest(), deadline: NodeClient.Within(CallLimit)).ResponseAsync))
        {
            if (HistoryRecorder.Now > end)
                throw new TimeoutException("auth could not be disabled within 60 s");
            await SignInAsync(world);
            await Task.Delay(50);
        }

        world.Credentials.Token = null;
    }

    /// <summary>The leader is asked to hand over.</summary>
    public static Task MoveLeaderAsync(World world, PlannedFault fault, CancellationToken heal) => MoveLeaderAsync(world, (string?)null, heal);

    /// <summary>The leader is asked to hand over to a node, or to any.</summary>
    public static async Task MoveLeaderAsync(World world, string? to, CancellationToken heal)
    {
        var from = HistoryRecorder.Now;
        var nodes = world.Cluster.Nodes;
        var leader = world.Find("leader")[0];
        try
        {
            using var client = world.Cluster.Connect(leader);
            var members = (await client.Cluster.MemberListAsync(new MemberListRequest(), deadline: NodeClient.Within(CallLimit), cancellationToken: heal)).Members;
            var next = members.FirstOrDefault(m => m.Name == to) ?? members.First(m => m.Name != leader.Name && !m.IsLearner && nodes.Any(n => n.Name == m.Name && n.IsRunning));
            await client.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = next.ID }, deadline: NodeClient.Within(CallLimit), cancellationToken: heal);
            world.Counts.Add("leader moved", 1);
            world.Mark("leader moved", leader.Name, from);
        }
        catch (RpcException)
        {
            world.Counts.Add("leader moves refused", 1);
        }
    }

    private static async Task SignInAsync(World world)
    {
        var request = new AuthenticateRequest { Name = "root", Password = Password };
        await TryAsync(world, async c =>
        {
            var reply = await c.Auth.AuthenticateAsync(request, deadline: NodeClient.Within(CallLimit));
            world.Credentials.Token = reply.Token;
            return reply;
        });
    }

    /// <summary>Asks one node after another, once each.</summary>
    private static async Task<bool> TryAsync<T>(World world, Func<NodeClient, Task<T>> call)
    {
        foreach (var (node, client) in world.Cluster.Nodes.Zip(world.Cluster.Clients))
        {
            if (!node.IsRunning)
                continue;
            try
            {
                await call(client);
                return true;
            }
            catch (RpcException)
            {
                continue; // the next one may know better
            }
        }

        return false;
    }
}
