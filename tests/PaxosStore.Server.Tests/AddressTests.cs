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
        Assert.Equal("db1.example", Load.From("--initial-advertise-peer-urls", peer, "--listen-peer-urls=http://0.0.0.0:2380").Node.AdvertisePeerUrl.Host);
    }

    [Fact]
    public void Clients_are_told_the_address_listened_on() =>
        Assert.Equal(["http://127.0.0.1:12379/"], Load.From("--listen-client-urls=http://127.0.0.1:12379").Node.AdvertiseClientUrls.Select(url => url.ToString()));

    [Fact]
    public void Clients_of_a_node_on_every_interface_are_told_the_host_its_peers_use()
    {
        var options = Load.From("--listen-client-urls=http://0.0.0.0:2379", "--initial-advertise-peer-urls=http://10.1.2.3:2380");

        Assert.Equal(["http://10.1.2.3:2379/"], options.Node.AdvertiseClientUrls.Select(url => url.ToString()));
        Assert.Contains("--advertise-client-urls", Assert.Single(options.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void The_http_port_stands_ten_above_each_client_port_unless_given()
    {
        const string clients = "--listen-client-urls=http://127.0.0.1:1000,http://127.0.0.2:2000";

        Assert.Equal(["127.0.0.1:1010", "127.0.0.2:2010"], Load.From(clients).Node.ListenHttpUrls.Select(url => url.Authority));
        Assert.Equal(["127.0.0.1:5"], Load.From(clients, "--listen-http-urls=http://127.0.0.1:5").Node.ListenHttpUrls.Select(url => url.Authority));
        Assert.Contains("--listen-http-urls is needed", Load.ErrorOf("--listen-client-urls=http://127.0.0.1:65530"), StringComparison.Ordinal);
    }
}
