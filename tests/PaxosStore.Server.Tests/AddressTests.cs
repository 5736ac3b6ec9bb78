namespace PaxosStore.Server.Tests;

public sealed class AddressTests
{
    private const string Three = "n1=http://127.0.0.1:2380,n2=http://127.0.0.1:22380,n3=http://127.0.0.1:32380";

    [Fact]
    public void The_peer_address_is_taken_from_the_nodes_entry_in_the_cluster()
    {
        var node = Load.From("--name=n2", "--initial-cluster", Three).Node;

        Assert.Equal(22380, node.AdvertisePeerUrl.Port);
        Assert.Equal(22380, node.ListenPeerUrl.Port);
    }

    [Fact]
    public void The_peer_address_listened_on_is_the_one_told_to_peers()
    {
        var node = Load.From("--listen-peer-urls", "http://127.0.0.1:12380").Node;

        Assert.Equal(12380, node.AdvertisePeerUrl.Port);
    }

    [Fact]
    public void Listening_for_peers_on_every_interface_needs_an_address_to_tell()
    {
        var error = Load.ErrorOf("--listen-peer-urls", "http://0.0.0.0:2380");

        Assert.Contains("add --initial-advertise-peer-urls http://<address of this node>:2380", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_peer_address_that_is_a_name_needs_an_address_to_listen_on()
    {
        const string peer = "http://db1.example:2380";

        Assert.Contains("--listen-peer-urls http://0.0.0.0:2380", Load.ErrorOf("--initial-advertise-peer-urls", peer), StringComparison.Ordinal);
        var node = Load.From("--initial-advertise-peer-urls", peer, "--listen-peer-urls=http://0.0.0.0:2380").Node;
        Assert.Equal("db1.example", node.AdvertisePeerUrl.Host);
    }

    [Fact]
    public void Clients_are_told_the_address_listened_on()
    {
        var node = Load.From("--listen-client-urls=http://127.0.0.1:12379").Node;

        Assert.Equal(["http://127.0.0.1:12379/"], node.AdvertiseClientUrls.Select(url => url.ToString()));
    }

    [Fact]
    public void Clients_of_a_node_on_every_interface_are_told_the_host_its_peers_use()
    {
        var options = Load.From("--listen-client-urls=http://0.0.0.0:2379", "--initial-advertise-peer-urls=http://10.1.2.3:2380");

        Assert.Equal(["http://10.1.2.3:2379/"], options.Node.AdvertiseClientUrls.Select(url => url.ToString()));
        Assert.Contains("--advertise-client-urls", Assert.Single(options.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("--listen-http-urls=http://127.0.0.1:5", "127.0.0.1:5")]
    [InlineData("--listen-client-http-urls=http://127.0.0.1:5,http://127.0.0.2:6", "127.0.0.1:5", "127.0.0.2:6")]
    public void Only_the_client_ports_serve_http_unless_others_are_given(params string[] flagAndAddresses) =>
        Assert.Equal(flagAndAddresses.Skip(1), Load.From([.. flagAndAddresses.Take(1)]).Node.ListenHttpUrls.Select(url => url.Authority));

    [Fact]
    public void The_variable_etcd_knows_for_http_is_understood() =>
        Assert.Equal(5, Assert.Single(Load.With(new() { ["ETCD_LISTEN_CLIENT_HTTP_URLS"] = "http://127.0.0.1:5" }).Node.ListenHttpUrls).Port);
}
