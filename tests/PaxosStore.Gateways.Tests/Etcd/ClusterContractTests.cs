using Etcdserverpb;
using Grpc.Core;
using PaxosStore.Kv;
using PaxosStore.Testing;
using static PaxosStore.Gateways.Tests.Etcd.Expect;

namespace PaxosStore.Gateways.Tests.Etcd;

/// <summary>Members come, change and go as etcd's clients ask for it.</summary>
public sealed class ClusterContractTests : IAsyncLifetime
{
    private const string Peer = "http://127.0.0.1:2390";

    private DoorHost door = null!;

    private Cluster.ClusterClient Members => door.Client.Cluster;

    public async Task InitializeAsync() => door = await DoorHost.StartAsync();

    public async Task DisposeAsync() => await door.DisposeAsync();

    [Fact]
    public async Task The_list_comes_from_the_node_under_a_header_without_a_revision()
    {
        var list = await Members.MemberListAsync(new MemberListRequest { Linearizable = true });
        Assert.Equal((0L, 7ul), (list.Header.Revision, list.Header.RaftTerm));
        var member = Assert.Single(list.Members);
        Assert.Equal((0x22ul, "one", "http://127.0.0.1:2379"), (member.ID, member.Name, member.ClientURLs[0]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_member_is_added_without_a_vote_and_listed(bool learner)
    {
        var reply = await Members.MemberAddAsync(new MemberAddRequest { PeerURLs = { Peer }, IsLearner = learner });
        Assert.Equal((0L, 7ul), (reply.Header.Revision, reply.Header.RaftTerm));
        Assert.Equal((Peer, "", true), (Assert.Single(reply.Member.PeerURLs), reply.Member.Name, reply.Member.IsLearner));
        Assert.Empty(reply.Member.ClientURLs);
        Assert.Equal([InMemoryKvStore.Self, reply.Member.ID], reply.Members.Select(m => m.ID));
        Assert.Equal(reply.Members, (await Members.MemberListAsync(new MemberListRequest())).Members);
    }

    [Fact]
    public async Task A_member_changes_its_address_gets_its_vote_and_goes()
    {
        var id = (await Members.MemberAddAsync(new MemberAddRequest { PeerURLs = { Peer } })).Member.ID;
        var updated = await Members.MemberUpdateAsync(new MemberUpdateRequest { ID = id, PeerURLs = { "http://127.0.0.1:2391" } });
        Assert.Equal(["http://127.0.0.1:2391"], updated.Members.Single(m => m.ID == id).PeerURLs);

        door.Store.Members = [.. door.Store.Members.Select(m => m.Id == id ? m with { Name = "two" } : m)];
        Assert.False((await Members.MemberPromoteAsync(new MemberPromoteRequest { ID = id })).Members.Single(m => m.ID == id).IsLearner);
        Assert.Single((await Members.MemberRemoveAsync(new MemberRemoveRequest { ID = id })).Members);
    }

    [Theory]
    [InlineData()]
    [InlineData("")]
    [InlineData("foo")]
    [InlineData("ftp://127.0.0.1:1")]
    [InlineData("http://127.0.0.1")]
    [InlineData("http://127.0.0.1:1/")]
    [InlineData("http://127.0.0.1:1/path")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://a b:1")]
    [InlineData("unix://127.0.0.1:1")]
    [InlineData("https://127.0.0.1")]
    [InlineData(Peer, "http://127.0.0.1:2391")]
    public async Task A_peer_url_must_be_one_that_peers_can_use(params string[] urls)
    {
        const string text = "etcdserver: given member URLs are invalid";
        var update = new MemberUpdateRequest { ID = InMemoryKvStore.Self };
        update.PeerURLs.AddRange(urls);
        var add = new MemberAddRequest();
        add.PeerURLs.AddRange(urls);
        await ErrorAsync(StatusCode.InvalidArgument, text, Members.MemberAddAsync(add));
        await ErrorAsync(StatusCode.InvalidArgument, text, Members.MemberUpdateAsync(update));
        Assert.Single(door.Store.Members);
    }

    [Fact]
    public async Task Refusals_of_the_cluster_have_etcds_words()
    {
        const string exists = "etcdserver: Peer URLs already exists";
        const string unknown = "etcdserver: member not found";
        await ErrorAsync(
            StatusCode.FailedPrecondition, exists, Members.MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://127.0.0.1:2380" } }));
        var id = (await Members.MemberAddAsync(new MemberAddRequest { PeerURLs = { Peer }, IsLearner = true })).Member.ID;
        await ErrorAsync(
            StatusCode.FailedPrecondition, "etcdserver: too many learner members in cluster",
            Members.MemberAddAsync(new MemberAddRequest { PeerURLs = { "http://127.0.0.1:2391" }, IsLearner = true }));
        await ErrorAsync(
            StatusCode.FailedPrecondition, exists, Members.MemberUpdateAsync(new MemberUpdateRequest { ID = id, PeerURLs = { "http://127.0.0.1:2380" } }));
        await ErrorAsync(
            StatusCode.FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader",
            Members.MemberPromoteAsync(new MemberPromoteRequest { ID = id }));
        await ErrorAsync(
            StatusCode.FailedPrecondition, "etcdserver: can only promote a learner member",
            Members.MemberPromoteAsync(new MemberPromoteRequest { ID = InMemoryKvStore.Self }));
        await ErrorAsync(StatusCode.NotFound, unknown, Members.MemberPromoteAsync(new MemberPromoteRequest { ID = 5 }));
        await ErrorAsync(StatusCode.NotFound, unknown, Members.MemberRemoveAsync(new MemberRemoveRequest { ID = 5 }));
        await ErrorAsync(StatusCode.NotFound, unknown, Members.MemberUpdateAsync(new MemberUpdateRequest { ID = 5, PeerURLs = { Peer } }));
        await ErrorAsync(
            StatusCode.Unknown, "etcdserver: re-configuration failed due to not enough started members",
            Members.MemberRemoveAsync(new MemberRemoveRequest { ID = InMemoryKvStore.Self }));
        door.Store.Fault = new KvException(KvErrorCode.ReconfigurationInProgress);
        await ErrorAsync(
            StatusCode.Unavailable, "etcdserver: another change of the members is under way, try again shortly",
            Members.MemberRemoveAsync(new MemberRemoveRequest { ID = id }));
    }
}
