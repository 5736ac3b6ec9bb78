using LinqToDB;
using Microsoft.Extensions.Logging;
using Npgsql;
using PaxosStore.Consensus;
using PaxosStore.Node.Startup;

namespace PaxosStore.Node.Storage;

/// <summary>
/// Journal and snapshots in a PostgreSQL database, told apart by persistence id, so that members may share one. A member's identity is held by an advisory lock
/// on a connection of its own for as long as the node lives: a second process under the same identity is refused, and a node that loses the connection stops.
/// </summary>
internal sealed class PostgresStorage : INodeStorage
{
    private const int LeastVersion = 15;

    // How often the lock's connection is tried.
    private static readonly TimeSpan Pulse = TimeSpan.FromSeconds(5);

    private readonly NpgsqlConnection _holder;
    private readonly string _connectionString;
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _watch;
    private long _bytes;

    private PostgresStorage(NpgsqlConnection holder, NpgsqlConnectionStringBuilder connection, FoundJournal? found)
    {
        (_holder, _connectionString, Place, Found) = (holder, connection.ConnectionString, PlaceOf(connection), found);
        _watch = WatchAsync();
    }

    public string Place { get; }

    public string ProviderName => LinqToDB.ProviderName.PostgreSQL15;

    public DataOptions Journal => new DataOptions().UseConnectionString(ProviderName, _connectionString);

    public DataOptions Snapshots => Journal;

    public JournalHealth Health => new(Found is null ? JournalState.Fresh : JournalState.Good);

    public FoundJournal? Found { get; }

    /// <summary>Of both tables, all members' together, as of a few seconds ago.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public Task<string> Lost => _lost.Task;

    /// <exception cref="NodeStartupException">The database can't be reached, would not be durable, or another process holds this member's identity.</exception>
    public static PostgresStorage Open(string connectionString, NodeId self)
    {
        var connection = Parse(connectionString);
        var holder = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connection.ConnectionString) { Pooling = false }.ConnectionString);
        try
        {
            holder.Open();
            CheckServer(holder, PlaceOf(connection));
            if (!Query<bool>(holder, "SELECT pg_try_advisory_lock(@p)", unchecked((long)self.Value)))
            {
                throw new NodeStartupException(
                    $"another process holds member {self} in {PlaceOf(connection)}: stop it, or give this node its own name and peer URL; "
                    + "after a lost connection the database lets go by itself");
            }

            return new PostgresStorage(holder, connection, Find(holder, self));
        }
        catch (Exception e)
        {
            holder.Dispose();
            if (e is not NpgsqlException) throw;
            throw new NodeStartupException($"the database {PlaceOf(connection)} can't be used: {StorageFailure.Describe(e)}");
        }
    }

    /// <summary>What a database on another machine has left is for it to say.</summary>
    public bool HasRoom(long bytes) => true;

    /// <summary>The database does so itself.</summary>
    public int Vacuum(int pages) => 0;

    /// <summary>The database watches over its own pages; a record that fails its checksum all the same was never this node's to read.</summary>
    public RescuedJournal? Rescue() => null;

    public (string Aside, INodeStorage Reopened) SetJournalAside(ILogger log) =>
        throw new NodeStartupException($"the journal in {Place} is damaged: restore the database, or bring the node back as a new member under another peer URL");

    public void Dispose()
    {
        _closing.Cancel();
        _watch.Wait();
        _holder.Dispose();
        _closing.Dispose();
        using var connection = new NpgsqlConnection(_connectionString);
        NpgsqlConnection.ClearPool(connection);
    }

    private static NpgsqlConnectionStringBuilder Parse(string text)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(text) { ApplicationName = "paxosstore", MaxPoolSize = 10 };
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            throw new NodeStartupException($"storage-connection can't be read ({e.Message}): expected something like Host=db.example;Database=paxosstore;Username=paxosstore;Password=...");
        }
    }

    private static string PlaceOf(NpgsqlConnectionStringBuilder c) => $"{c.Database ?? c.Username} on {c.Host}:{c.Port}";

    /// <summary>A node that would lose votes when the database's machine loses power must not start.</summary>
    private static void CheckServer(NpgsqlConnection connection, string place)
    {
        if (connection.PostgreSqlVersion.Major < LeastVersion)
        {
            throw new NodeStartupException($"the database {place} is PostgreSQL {connection.PostgreSqlVersion}: version {LeastVersion} or later is needed");
        }

        if (Query<bool>(connection, "SELECT pg_is_in_recovery()")) throw new NodeStartupException($"the database {place} is a standby: connect to the primary");
        var commit = Query<string>(connection, "SELECT current_setting('synchronous_commit')");
        if (commit is not ("on" or "remote_apply"))
        {
            throw new NodeStartupException(
                $"the database {place} does not wait for its disk at every commit (synchronous_commit = {commit}): set it to on, for the server or with "
                + "ALTER ROLE ... SET synchronous_commit = on");
        }

        if (Query<string>(connection, "SELECT current_setting('fsync')") != "on")
        {
            throw new NodeStartupException($"the database {place} does not flush to its disk (fsync = off): set fsync = on in its postgresql.conf and restart it");
        }
    }

    /// <summary>Members may share the database: each finds its journal by the identity it has the lock for.</summary>
    private static FoundJournal? Find(NpgsqlConnection connection, NodeId self)
    {
        if (!Query<bool>(connection, "SELECT to_regclass('journal') IS NOT NULL")) return null;
        var id = $"acceptor-{self}";
        return End("sequence_number + deleted::int", "ASC") is { } first && End("sequence_number", "DESC") is { } last ? new FoundJournal(id, first, last) : null;

        // What a cut deletes last stays behind, marked.
        long? End(string number, string order) =>
            Query<object>(connection, $"SELECT (SELECT {number} FROM journal WHERE persistence_id = @p ORDER BY ordering {order} LIMIT 1)", id) as long?;
    }

    /// <summary>As long as this connection answers, with the same session behind it, the lock is held.</summary>
    private async Task WatchAsync()
    {
        try
        {
            var session = _holder.ProcessID;
            while (true)
            {
                using var command = _holder.CreateCommand();
                command.CommandText = """
                    SELECT pg_backend_pid(), coalesce(pg_total_relation_size(to_regclass('journal')), 0) + coalesce(pg_total_relation_size(to_regclass('snapshot')), 0)
                    """;
                await using (var reader = await command.ExecuteReaderAsync(_closing.Token).ConfigureAwait(false))
                {
                    await reader.ReadAsync(_closing.Token).ConfigureAwait(false);
                    if (reader.GetInt32(0) != session)
                    {
                        _lost.TrySetResult($"{Place} changes the session behind a connection (a pooler?), so the lock on this member's identity does not hold: connect to the server itself");
                        return;
                    }

                    Interlocked.Exchange(ref _bytes, reader.GetInt64(1));
                }

                await _holder.WaitAsync(Pulse, _closing.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // The node lets go.
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or TimeoutException or OperationCanceledException)
        {
            _lost.TrySetResult($"the connection to {Place} that holds this member's identity is lost, so another process may take it: {StorageFailure.Describe(e)}");
        }
    }

    private static T Query<T>(NpgsqlConnection connection, string sql, object? parameter = null)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // only the constants above reach this
        command.CommandText = sql;
#pragma warning restore CA2100
        if (parameter is not null) command.Parameters.AddWithValue("p", parameter);
        return (T)command.ExecuteScalar()!;
    }
}
