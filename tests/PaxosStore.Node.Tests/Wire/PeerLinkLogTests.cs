using System.Diagnostics;
using Akka.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Testing;

namespace PaxosStore.Node.Tests.Wire;

/// <summary>What a node says about the ways to its peers.</summary>
public sealed class PeerLinkLogTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("paxosstore-link-log-").FullName;
    private readonly int[] _ports = FreePorts.Take(2);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_peer_is_missed_found_and_lost()
    {
        var log = new Journalist();
        await using var first = PaxosNode.Start(Settings(0), log);
        await ShowsAsync(log, $"no connection to peer=127.0.0.1:{_ports[1]}, which is tried again: Connection refused");
        await using (PaxosNode.Start(Settings(1), NullLogger.Instance)) await ShowsAsync(log, $"connected to peer=127.0.0.1:{_ports[1]}");
        await ShowsAsync(log, $"lost the connection to peer=127.0.0.1:{_ports[1]};");
    }

    private NodeSettings Settings(int node) => NodeSettings.FromConfig(ConfigurationFactory.ParseString($$"""
        akka.coordinated-shutdown.run-by-actor-system-terminate = off
        paxosstore {
          name = "n{{node}}"
          data-dir = "{{Path.Combine(_directory, $"n{node}")}}"
          listen-peer-urls = "http://127.0.0.1:{{_ports[node]}}"
          initial-advertise-peer-urls = "http://127.0.0.1:{{_ports[node]}}"
          initial-cluster = "n0=http://127.0.0.1:{{_ports[0]}},n1=http://127.0.0.1:{{_ports[1]}}"
        }
        """));

    private static async Task ShowsAsync(Journalist log, string beginning)
    {
        for (var watch = Stopwatch.StartNew(); !log.Lines.Any(l => l.StartsWith(beginning, StringComparison.Ordinal)); await Task.Delay(20))
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"no line begins \"{beginning}\":\n{string.Join('\n', log.Lines)}");
        }
    }
}
