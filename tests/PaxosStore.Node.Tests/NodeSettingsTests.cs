using Akka.Configuration;

namespace PaxosStore.Node.Tests;

/// <summary>What a node is started with is checked before it starts, and what is wrong is named.</summary>
public sealed class NodeSettingsTests
{
    private const string Three = "a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://127.0.0.1:3";

    [Fact]
    public void The_defaults_make_a_node_of_its_own()
    {
        var settings = NodeSettings.FromConfig(Config.Empty);
        Assert.Equal("default", settings.Name);
        Assert.Equal(new Uri("http://127.0.0.1:2380"), Assert.Single(settings.InitialCluster).Value);
        Assert.Equal(settings.ListenClientUrls, settings.AdvertiseClientUrls);
        Assert.Empty(settings.ListenHttpUrls);
        Assert.EndsWith("default.paxosstore", settings.DataDirectory, StringComparison.Ordinal);
    }

    [Fact]
    public void All_members_agree_on_who_they_are()
    {
        var a = Read(Member("a", 1));
        var b = Read(Member("b", 2));
        Assert.Equal(a.ClusterId, b.ClusterId);
        Assert.NotEqual(a.MemberId, b.MemberId);
        Assert.Equal(b.MemberId, a.MemberIdOf(b.AdvertisePeerUrl));
        Assert.NotEqual(a.ClusterId, Read(Member("a", 1) + "\ninitial-cluster-token = other").ClusterId);
        Assert.InRange(a.MemberId, 1UL, (ulong)long.MaxValue);
    }

    [Theory]
    [InlineData("initial-cluster = \"x=http://127.0.0.1:2380\"", "not this node 'default'")]
    [InlineData("initial-cluster = \"default=http://127.0.0.1:9\"", "make them equal")]
    [InlineData("initial-cluster = \"default\"", "not of the form name=http://host:port")]
    [InlineData("initial-cluster = \"default=nonsense\"", "not a URL of the form")]
    [InlineData("initial-cluster = \"default=http://127.0.0.1:2380,default=http://127.0.0.1:2\"", "stands there twice")]
    [InlineData("initial-cluster = \"default=http://127.0.0.1:2380,b=http://127.0.0.1:2380\"", "stands there twice")]
    [InlineData("election-timeout = 250ms", "at least 5 times heartbeat-interval")]
    [InlineData("heartbeat-interval = 0ms", "at least 5 times heartbeat-interval")]
    [InlineData("listen-peer-urls = \"ftp://127.0.0.1:1\"", "listen-peer-urls: 'ftp://127.0.0.1:1' is not a URL")]
    [InlineData("listen-peer-urls = \"http://127.0.0.1:1,http://127.0.0.1:2\"", "exactly one URL is supported, not 2")]
    [InlineData("initial-cluster-state = old", "initial-cluster-state: 'old' is neither 'new' nor 'existing'")]
    [InlineData("initial-cluster-state = existing", "name the members that run")]
    [InlineData("max-learners = 0", "max-learners: 0 is not at least 1")]
    [InlineData("snapshot-count = -1", "snapshot-count: -1 is not at least 1")]
    [InlineData("listen-client-urls = \"here\"", "listen-client-urls: 'here' is not a URL")]
    public void What_is_wrong_is_named(string setting, string message) =>
        Assert.Contains(message, Assert.Throws<NodeStartupException>(() => Read(setting)).Message, StringComparison.Ordinal);

    [Fact]
    public void Urls_come_as_a_list_or_with_commas()
    {
        var list = Read("listen-client-urls = [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]").ListenClientUrls;
        Assert.Equal(list, Read("listen-client-urls = \"http://127.0.0.1:1, http://127.0.0.1:2\"").ListenClientUrls);
    }

    private static string Member(string name, int port) => $$"""
        name = {{name}}
        initial-advertise-peer-urls = "http://127.0.0.1:{{port}}"
        initial-cluster = "{{Three}}"
        """;

    private static NodeSettings Read(string section) => NodeSettings.FromConfig(ConfigurationFactory.ParseString($"paxosstore {{\n{section}\n}}"));
}
