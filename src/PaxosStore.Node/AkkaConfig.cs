using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Event;
using Akka.Persistence.Sql;
using Akka.Persistence.Sql.Config;
using PaxosStore.Node.Storage;
using PaxosStore.Node.Tls;
using PaxosStore.Node.Wire;

namespace PaxosStore.Node;

/// <summary>The ActorSystem's configuration, derived from the node's settings.</summary>
internal static class AkkaConfig
{
    public const string SystemName = "paxosstore";
    public const string RootActor = "paxosstore";
    public const string MemberRole = "paxosstore-member";

    private const string JournalPlugin = "akka.persistence.journal.sql";
    private const string SnapshotPlugin = "akka.persistence.snapshot-store.sql";

    // The adapter that lets tests cut and slow down links, and TLS, are part of the address.
    private static string Protocol(bool throttler, bool tls) => $"akka.{(throttler ? "trttl." : "")}{(tls ? "ssl." : "")}tcp";

    /// <summary>All that the ActorSystem starts from; how the storage is connected to stays out of the text, since it may hold a password.</summary>
    public static ActorSystemSetup Setup(NodeSettings settings, INodeStorage storage, PeerTls? tls = null, bool throttler = false)
    {
        var connections = new MultiDataOptionsSetup();
        connections.AddDataOptions(JournalPlugin, storage.Journal);
        connections.AddDataOptions(SnapshotPlugin, storage.Snapshots);
        var filters = HandshakeLog.Hide(PeerLinkLog.Hide(new LogFilterBuilder())).Build();
        var setup = ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(For(settings, storage.ProviderName, tls is not null, throttler)), connections, filters);
        return tls is null ? setup : setup.And(tls.Setup);
    }

    private static Config For(NodeSettings settings, string provider, bool tls, bool throttler)
    {
        var protocol = Protocol(throttler, tls);
        var seeds = string.Join(", ", settings.InitialCluster.Values.Select(u => $"\"{protocol}://{SystemName}@{u.Host}:{u.Port}\""));
        var hocon = $$"""
            akka {
              loglevel = ERROR
              stdout-loglevel = OFF
              log-dead-letters = off
              log-dead-letters-during-shutdown = off
              coordinated-shutdown.exit-clr = off
              coordinated-shutdown.run-by-clr-shutdown-hook = off
              # Our shortest period is a quarter of the heartbeat. At the default, 10 ms, the timer's thread wakes nearly three times as often.
              scheduler.tick-duration = {{Math.Clamp((int)(settings.HeartbeatInterval / 4).TotalMilliseconds, 10, 25)}}ms
              actor {
                provider = cluster
                ask-timeout = 10s
                serialization-settings.allow-unregistered-types = false
                serializers.paxosstore = "PaxosStore.Node.Wire.PaxosSerializer, PaxosStore.Node"
                serialization-bindings {
                  "PaxosStore.Node.Wire.PeerMessage, PaxosStore.Node" = paxosstore
                  "PaxosStore.Node.Wire.JoinRequest, PaxosStore.Node" = paxosstore
                  "PaxosStore.Node.Wire.JoinAnswer, PaxosStore.Node" = paxosstore
                  "PaxosStore.Node.Journal.JournalBatch, PaxosStore.Node" = paxosstore
                  "PaxosStore.Node.Storage.SnapshotRow, PaxosStore.Node" = paxosstore
                  "PaxosStore.Node.Facade.FacadeRequest, PaxosStore.Node" = paxosstore
                  "PaxosStore.Node.Facade.FacadeReply, PaxosStore.Node" = paxosstore
                }
              }
              remote {
                retry-gate-closed-for = 500ms
                # Each node writes on connections it opened itself. Akka.Remote (1.5.74) forgets a connection that it was opening to a peer's former incarnation when
                # the new one connects first, without closing it; the peer then takes it for the newest and listens to it for ever, while all is written on the other
                # one. With connections of its own the writer opens another, which the peer moves on to.
                use-passive-connections = off
                default-remote-dispatcher.executor = "PaxosStore.Node.InlineExecutorConfigurator, PaxosStore.Node"
                backoff-remote-dispatcher.executor = "PaxosStore.Node.InlineExecutorConfigurator, PaxosStore.Node"
                log-remote-lifecycle-events = off
                dot-netty.tcp {
                  enable-ssl = {{(tls ? "on" : "off")}}
                  hostname = "{{settings.ListenPeerUrl.Host}}"
                  port = {{settings.ListenPeerUrl.Port}}
                  public-hostname = "{{settings.AdvertisePeerUrl.Host}}"
                  public-port = {{settings.AdvertisePeerUrl.Port}}
                  maximum-frame-size = 8MiB
                  send-buffer-size = 16MiB
                  receive-buffer-size = 16MiB
                  # Also for the handshake. Short, for a connection that was begun while the network dropped everything is retried by the system ever more rarely.
                  connection-timeout = 5s
                }
              }
              cluster {
                roles = ["{{MemberRole}}"]
                seed-nodes = [{{seeds}}]
                downing-provider-class = ""
                log-info = off
                min-nr-of-members = 1
              }
              # Akka's dedicated thread pools spin while they wait, which starves small machines; the common pool does not.
              persistence {
                dispatchers {
                  default-plugin-dispatcher.type = Dispatcher
                  default-replay-dispatcher.type = Dispatcher
                  default-stream-dispatcher.type = Dispatcher
                }
                journal {
                  plugin = "{{JournalPlugin}}"
                  sql {
                    class = "Akka.Persistence.Sql.Journal.SqlWriteJournal, Akka.Persistence.Sql"
                    provider-name = "{{provider}}"
                    parallelism = 1
                    tag-write-mode = Csv
                    read-isolation-level = read-uncommitted
                    prefer-parameters-on-multirow-insert = true
                    replay-filter.mode = fail
                    replay-batch-size = 256
                    recovery-event-timeout = 120s
                    plugin-dispatcher = "akka.actor.default-dispatcher"
                    replay-dispatcher = "akka.actor.default-dispatcher"
                    materializer-dispatcher = "akka.actor.default-dispatcher"
                    circuit-breaker {
                      max-failures = 1
                      call-timeout = 20s
                      reset-timeout = 5s
                    }
                  }
                }
                snapshot-store {
                  plugin = "{{SnapshotPlugin}}"
                  sql {
                    class = "Akka.Persistence.Sql.Snapshot.SqlSnapshotStore, Akka.Persistence.Sql"
                    provider-name = "{{provider}}"
                    read-isolation-level = read-uncommitted
                    plugin-dispatcher = "akka.actor.default-dispatcher"
                    circuit-breaker {
                      max-failures = 5
                      call-timeout = 20s
                      reset-timeout = 5s
                    }
                  }
                }
              }
            }
            """;
        var config = settings.AkkaOverrides.WithFallback(ConfigurationFactory.ParseString(hocon));
        if (throttler) config = ConfigurationFactory.ParseString("""akka.remote.dot-netty.tcp.applied-adapters = ["trttl"]""").WithFallback(config);
        return config.WithFallback(SqlPersistence.DefaultConfiguration);
    }
}
