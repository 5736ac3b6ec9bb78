using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;
using PaxosStore.Gateways.Tests.Etcd.Auth;
using PaxosStore.Testing;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>The matrix of users and rights, asked of a member that does not lead: what it passes on is judged as if the leader had been asked.</summary>
[Collection(ProcessCollection.Name)]
public class ForwardedAuthTests
{
    // The third credential of a row needs a store that changes before every command.
    private const int ChangingUsers = 2;
    private static readonly ByteString Everything = ByteString.CopyFrom(0);

    [SkippableFact]
    public async Task Who_asks_a_member_that_does_not_lead_is_judged_alike()
    {
        Skip.If(Target.UnderTest.IsEtcd, "the rows tell of this server");
        await using var cluster = await TestCluster.StartAsync(new ClusterPlan("forwarded", 3, ["--bcrypt-cost=4"]));
        await cluster.RunAsync(async () =>
        {
            var clients = cluster.Nodes.Select(n => new EtcdClient(n.ClientUrl)).ToArray();
            var differences = new List<string>();
            foreach (var row in AuthMatrix.Rows)
            {
                await AuthPeople.SettleAsync(clients[0]);
                var (asked, other) = await FollowersAsync(clients);
                var actual = await JudgeAsync(row, asked, other);
                var expected = row.Expected.Remove(ChangingUsers, 1);
                if (actual != expected) differences.Add($"{row}: {actual} instead of {expected}");
                await ForgetAsync(clients[0]);
            }

            foreach (var client in clients) client.Dispose();
            Assert.Empty(differences);
        });
    }

    private static async Task<string> JudgeAsync(AuthRow row, EtcdClient asked, EtcdClient other)
    {
        var verdicts = new List<char>();
        var root = await SignInAsync(other, AuthPeople.Root);

        // Reads that may be stale must not be older than the users.
        await asked.Kv.RangeAsync(new RangeRequest { Key = Everything }, root);
        foreach (var credential in (Metadata[])[[], Token("ABCDEFGHIJKLMNOP.7")]) verdicts.Add(await row.JudgeAsync(asked, credential));
        var users = new List<Metadata>();
        foreach (var user in AuthPeople.Users) users.Add(await SignInAsync(other, user));
        foreach (var credential in (Metadata[])[.. users, root]) verdicts.Add(await row.JudgeAsync(asked, credential));
        return string.Concat(verdicts);
    }

    private static async Task<(EtcdClient Asked, EtcdClient Other)> FollowersAsync(EtcdClient[] clients)
    {
        var root = await SignInAsync(clients[0], AuthPeople.Root);
        var followers = new List<EtcdClient>();
        foreach (var client in clients)
        {
            var status = await client.Maintenance.StatusAsync(new StatusRequest(), root);
            if (status.Leader != status.Header.MemberId) followers.Add(client);
        }

        return (followers[0], followers[^1]);
    }

    /// <summary>Leaves an empty store whose callers are not checked.</summary>
    private static async Task ForgetAsync(EtcdClient client)
    {
        if ((await client.Auth.AuthStatusAsync(new AuthStatusRequest())).Enabled)
            await client.Auth.AuthDisableAsync(new AuthDisableRequest(), await SignInAsync(client, AuthPeople.Root));
        foreach (var user in (await client.Auth.UserListAsync(new AuthUserListRequest())).Users)
            await client.Auth.UserDeleteAsync(new AuthUserDeleteRequest { Name = user });
        foreach (var role in (await client.Auth.RoleListAsync(new AuthRoleListRequest())).Roles)
            await client.Auth.RoleDeleteAsync(new AuthRoleDeleteRequest { Role = role });
        foreach (var lease in (await client.Lease.LeaseLeasesAsync(new LeaseLeasesRequest())).Leases)
            await client.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease.ID });
        foreach (var member in (await client.Cluster.MemberListAsync(new MemberListRequest { Linearizable = true })).Members.Where(m => m.IsLearner))
            await client.Cluster.MemberRemoveAsync(new MemberRemoveRequest { ID = member.ID });
        foreach (var alarm in (await client.Maintenance.AlarmAsync(new AlarmRequest())).Alarms)
            await client.Maintenance.AlarmAsync(new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberID, Alarm = alarm.Alarm });
        await client.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Everything, RangeEnd = Everything });
    }

    private static async Task<Metadata> SignInAsync(EtcdClient client, string user) =>
        Token((await client.Auth.AuthenticateAsync(new AuthenticateRequest { Name = user, Password = user })).Token);

    private static Metadata Token(string token) => new() { { "token", token } };
}
