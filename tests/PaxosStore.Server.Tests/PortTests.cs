using System.Net;
using System.Net.Sockets;
using PaxosStore.Node;
using PaxosStore.Server.Hosting;

namespace PaxosStore.Server.Tests;

public sealed class PortTests
{
    [Fact]
    public void A_port_in_use_is_told_with_the_flag_that_chooses_another()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var error = Assert.Throws<NodeStartupException>(() => Ports.RequireFree([("--listen-client-urls", new Uri($"http://127.0.0.1:{port}"))]));

        Assert.StartsWith($"port {port} is in use: can't listen on 127.0.0.1:{port}.", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("choose another address with --listen-client-urls", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_of_another_machine_is_told()
    {
        var error = Assert.Throws<NodeStartupException>(() => Ports.RequireFree([("--listen-peer-urls", new Uri("http://192.0.2.1:2380"))]));

        Assert.Contains("192.0.2.1:2380", error.Message, StringComparison.Ordinal);
        Assert.Contains("--listen-peer-urls", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:1", "127.0.0.1")]
    [InlineData("http://0.0.0.0:1", "0.0.0.0")]
    [InlineData("http://[::1]:1", "::1")]
    public void The_address_to_bind_is_read_from_the_url(string url, string address) => Assert.Equal(IPAddress.Parse(address), Ports.Address(new Uri(url)));
}
