using Akka.Actor;
using Akka.Persistence;
using LinqToDB.Data;
using Microsoft.Extensions.Logging.Abstractions;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Storage;
using PaxosStore.Testing;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>A node whose only storage is a database.</summary>
public sealed class PostgresNodeTests(PostgresServer server) : IClassFixture<PostgresServer>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly NodeId Self = new(0xAB);

    private readonly string _path = Directory.CreateTempSubdirectory("paxosstore-pg-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [SkippableFact]
    public async Task What_was_written_is_there_after_a_restart_and_the_directory_holds_a_lock_only()
    {
        PostgresServer.Require();
        var settings = Settings(await server.NewDatabaseAsync());
        byte[] key = [1, 2];
        await using (var node = PaxosNode.Start(settings, NullLogger.Instance))
        {
            await node.Ready.WaitAsync(Patience);
            var put = new WriteCommand(new PutOp(key, "value"u8.ToArray()));
            await node.Store.ExecuteAsync(put, CancellationToken.None).AsTask().WaitAsync(Patience);
        }

        await using (var again = PaxosNode.Start(settings, NullLogger.Instance))
        {
            await again.Ready.WaitAsync(Patience);
            var view = await again.Store.ReadAsync(ReadConsistency.Linearizable, CancellationToken.None).AsTask().WaitAsync(Patience);
            Assert.Equal("value"u8.ToArray(), view.Range(new RangeOp(KeyRange.SingleKey(key))).Kvs[0].Value.ToArray());
        }

        Assert.Equal(["LOCK"], Directory.GetFiles(_path).Select(Path.GetFileName));
    }

    [SkippableFact]
    public async Task A_node_stops_when_it_loses_the_connection_that_holds_its_identity()
    {
        PostgresServer.Require();
        var settings = Settings(await server.NewDatabaseAsync());
        await using var node = PaxosNode.Start(settings, NullLogger.Instance);
        await node.Ready.WaitAsync(Patience);
        await server.ExecuteAsync("postgres", "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
        Assert.Contains("holds this member's identity", await node.Failed.WaitAsync(Patience), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_second_process_under_the_same_identity_is_refused_until_the_first_lets_go()
    {
        PostgresServer.Require();
        var connection = await server.NewDatabaseAsync();
        using (PostgresStorage.Open(connection, Self))
        {
            var refused = Assert.Throws<NodeStartupException>(() => PostgresStorage.Open(connection, Self));
            Assert.Contains("another process holds member ab", refused.Message, StringComparison.Ordinal);
            PostgresStorage.Open(connection, new NodeId(0xAC)).Dispose();
        }

        PostgresStorage.Open(connection, Self).Dispose();
    }

    [SkippableTheory]
    [InlineData("off")]
    [InlineData("local")]
    public async Task A_database_that_would_forget_votes_is_refused(string synchronousCommit)
    {
        PostgresServer.Require();
        var connection = await server.NewDatabaseAsync() + $";Options=-c synchronous_commit={synchronousCommit}";
        var refused = Assert.Throws<NodeStartupException>(() => PostgresStorage.Open(connection, Self));
        Assert.Contains($"synchronous_commit = {synchronousCommit}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("set it to on", refused.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_database_that_does_not_flush_is_refused()
    {
        PostgresServer.Require();
        var connection = await server.NewDatabaseAsync();
        await server.ExecuteAsync("postgres", "ALTER SYSTEM SET fsync = off");
        await server.ReloadAsync("fsync", "off");
        try
        {
            Assert.Contains("fsync = off", Assert.Throws<NodeStartupException>(() => PostgresStorage.Open(connection, Self)).Message, StringComparison.Ordinal);
        }
        finally
        {
            await server.ExecuteAsync("postgres", "ALTER SYSTEM RESET fsync");
            await server.ReloadAsync("fsync", "on");
        }
    }

    [SkippableTheory]
    [InlineData("Host=/nowhere;Database=x;Username=x", "make the database reachable")]
    [InlineData("Host=db;Nonsense=1", "expected something like")]
    [InlineData("Host=db;Port=many", "expected something like")]
    public void A_database_that_cannot_be_reached_is_named_with_the_next_step(string connection, string step)
    {
        PostgresServer.Require();
        Assert.Contains(step, Assert.Throws<NodeStartupException>(() => PostgresStorage.Open(connection, Self)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_database_that_does_not_exist_is_named_and_the_password_is_not()
    {
        PostgresServer.Require();
        var connection = (await server.NewDatabaseAsync()).Replace("Database=test", "Database=none", StringComparison.Ordinal) + ";Password=canary";
        var refused = Assert.Throws<NodeStartupException>(() => PostgresStorage.Open(connection, Self));
        Assert.Contains("create it", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", Settings(connection).ToString(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_journal_has_one_event_per_number_and_is_known_at_the_next_start()
    {
        PostgresServer.Require();
        var storage = new StorageSystem(_path, await server.NewDatabaseAsync());
        try
        {
            Assert.Equal(JournalState.Fresh, storage.Directory.Storage.Health.State);
            var id = $"acceptor-{TestNode.Settings().MemberId:x}";
            await storage.System.ActorOf(Props.Create(() => new OneEvent(id))).Ask<string>("write", Patience);
            using (var data = new DataConnection(storage.Directory.Storage.Journal))
            {
                // What fences off a process that still believes to be this member.
                var again = Assert.Throws<Npgsql.PostgresException>(() => data.Execute(
                    "INSERT INTO journal (created, deleted, persistence_id, sequence_number, message, manifest, identifier) "
                    + "SELECT created, deleted, persistence_id, sequence_number, message, manifest, identifier FROM journal"));
                Assert.Equal("23505", again.SqlState);
            }

            await storage.RestartAsync();
            Assert.Equal(JournalState.Good, storage.Directory.Storage.Health.State);
        }
        finally
        {
            await storage.StopAsync();
        }
    }

    [SkippableFact]
    public async Task Members_that_start_at_once_on_one_empty_database_all_get_ready()
    {
        PostgresServer.Require();
        var connection = await server.NewDatabaseAsync();
        var nodes = Enumerable.Range(0, 3).Select(n => PaxosNode.Start(
            Settings(connection) with { ClusterToken = $"token-{n}", DataDirectory = Path.Combine(_path, $"{n}") }, NullLogger.Instance)).ToArray();
        try
        {
            await Task.WhenAll(nodes.Select(n => n.Ready)).WaitAsync(Patience);
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }

    private NodeSettings Settings(string connection)
    {
        var port = FreePorts.One();
        var url = new Uri($"http://127.0.0.1:{port}");
        return TestNode.Settings($"data-dir = \"{_path}\"") with
        {
            ListenPeerUrl = url,
            AdvertisePeerUrl = url,
            InitialCluster = new Dictionary<string, Uri> { ["solo"] = url },
            StorageProvider = StorageProvider.PostgreSql,
            StorageConnection = connection,
        };
    }

    private sealed class OneEvent(string id) : UntypedPersistentActor
    {
        public override string PersistenceId { get; } = id;

        protected override void OnRecover(object message)
        {
        }

        protected override void OnCommand(object message)
        {
            var sender = Sender;
            Persist(new JournalBatch([new ChosenRecord(new Slot(1))]), _ => sender.Tell("written"));
        }
    }
}
