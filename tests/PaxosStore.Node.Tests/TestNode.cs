using Akka.Configuration;
using PaxosStore.Consensus;
using PaxosStore.Node.Actors;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node.Tests;

/// <summary>Settings and context of a cluster of one for tests of single actors.</summary>
internal static class TestNode
{
    public static NodeSettings Settings(string more = "") => NodeSettings.FromConfig(ConfigurationFactory.ParseString($$"""
        paxosstore {
          name = "solo"
          heartbeat-interval = 20ms
          election-timeout = 100ms
          {{more}}
        }
        """));

    public static NodeContext Context(string more = "") => new(Settings(more), TimeProvider.System);

    /// <summary>A message of the node to one of its own roles.</summary>
    public static PeerMessage From(NodeContext node, Message message) => new(node.ClusterId, node.Self, message);

    public static Value Value(params byte[][] commands) => new(1, TimeSpan.FromSeconds(1), 1_000, [.. commands.Select(c => (ReadOnlyMemory<byte>)c)]);
}
