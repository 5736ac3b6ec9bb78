using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Users, roles and tokens are the cluster's, not a member's.</summary>
[Collection(ProcessCollection.Name)]
public class UserTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly ByteString Key = ByteString.CopyFromUtf8("key");

    [SkippableFact]
    public async Task A_token_works_on_every_member_at_once_and_after_all_were_killed()
    {
        Skip.If(Target.UnderTest.IsEtcd, "etcd keeps tokens in the memory of the member that gave them");
        await using var cluster = await TestCluster.StartAsync("users");
        await cluster.RunAsync(async () =>
        {
            var auth = cluster.Clients[0].Auth;
            await auth.UserAddAsync(new AuthUserAddRequest { Name = "root", Password = "secret" });
            await auth.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
            await auth.AuthEnableAsync(new AuthEnableRequest());

            // A token is used elsewhere the moment it is there, again and again: members that lag behind must not refuse it.
            var root = new Metadata();
            for (var round = 0; round < 10; round++)
            {
                root = await SignInAsync(cluster.Clients[round % 3]);
                var other = cluster.Clients[(round + 1) % 3];
                await other.Kv.PutAsync(new PutRequest { Key = Key, Value = ByteString.CopyFromUtf8($"{round}") }, root, NodeClient.Within(Limit));
                await cluster.Clients[(round + 2) % 3].Kv.RangeAsync(new RangeRequest { Key = Key, Serializable = true }, root, NodeClient.Within(Limit));

                // Changes of users in between are not the client's business either, whichever member it asks next.
                await other.Auth.RoleAddAsync(new AuthRoleAddRequest { Name = $"role{round}" }, root, NodeClient.Within(Limit));
                await cluster.Clients[round % 3].Auth.RoleDeleteAsync(new AuthRoleDeleteRequest { Role = $"role{round}" }, root, NodeClient.Within(Limit));
            }

            foreach (var client in cluster.Clients)
            {
                var refused = await Assert.ThrowsAsync<RpcException>(async () => await client.Kv.PutAsync(new PutRequest { Key = Key }, deadline: NodeClient.Within(Limit)));
                Assert.Equal("etcdserver: user name is empty", refused.Status.Detail);
            }

            foreach (var node in cluster.Nodes) node.Kill();
            foreach (var node in cluster.Nodes) await node.WaitExitAsync(Limit);
            foreach (var node in cluster.Nodes) node.Start();
            await Task.WhenAll(cluster.Nodes.Select(n => n.WaitReadyAsync(Limit)));
            foreach (var client in cluster.Clients)
            {
                var reply = await client.Kv.RangeAsync(new RangeRequest { Key = Key }, root, NodeClient.Within(Limit));
                Assert.Equal("9", reply.Kvs[0].Value.ToStringUtf8());
            }
        });
    }

    private static async Task<Metadata> SignInAsync(NodeClient client)
    {
        var reply = await client.Auth.AuthenticateAsync(new AuthenticateRequest { Name = "root", Password = "secret" }, deadline: NodeClient.Within(Limit));
        return new Metadata { { "token", reply.Token } };
    }
}
