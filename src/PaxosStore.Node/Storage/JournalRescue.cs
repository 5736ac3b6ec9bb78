using System.Collections.Immutable;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Startup;

namespace PaxosStore.Node.Storage;

/// <summary>
/// Reads a journal past its indexes: whose it is and from where to where it goes; and of a damaged one what can still be read, not to vote on it, but to know whose it
/// was and whom to ask.
/// </summary>
internal static class JournalRescue
{
    /// <summary>The journal in a database that holds one; null when it holds none.</summary>
    public static FoundJournal? Find(string connectionString)
    {
        using var connection = new SqliteConnection(connectionString);
        connection.Open();
        using var table = connection.CreateCommand();
        table.CommandText = "SELECT 1 FROM sqlite_master WHERE name = 'journal'";
        if (table.ExecuteScalar() is null) return null;
        return End("ASC") is { } first && End("DESC") is { } last ? new FoundJournal(last.Id, first.Deleted ? first.Number + 1 : first.Number, last.Number) : null;

        // What a cut deletes last stays behind, marked.
        (string Id, long Number, bool Deleted)? End(string order)
        {
            using var command = connection.CreateCommand();
#pragma warning disable CA2100 // one of two constants
            command.CommandText = $"SELECT persistence_id, sequence_number, deleted FROM journal NOT INDEXED WHERE persistence_id LIKE 'acceptor-%' ORDER BY ordering {order} LIMIT 1";
#pragma warning restore CA2100
            using var row = command.ExecuteReader();
            return row.Read() ? (row.GetString(0), row.GetInt64(1), row.GetBoolean(2)) : null;
        }
    }

    /// <summary>What the sound events say; null when none of them says whose journal it is.</summary>
    public static RescuedJournal? Read(DbConnection connection)
    {
        IdentityRecord? identity = null;
        LogBase? last = null;
        try
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT message FROM journal NOT INDEXED WHERE persistence_id LIKE 'acceptor-%' ORDER BY ordering";
            using var rows = command.ExecuteReader();
            while (rows.Read())
            {
                foreach (var record in Records((byte[])rows[0]))
                {
                    if (record is IdentityRecord found) identity = found;
                    else if (record is BaseRecord cut) last = cut.Base;
                }
            }
        }
        catch (DbException)
        {
            // Pages beyond this one can't be read: what was found before stands.
        }

        return identity is null ? null : new RescuedJournal(NodeIdentity.From(identity), last);
    }

    private static ImmutableArray<JournalRecord> Records(byte[] message)
    {
        try
        {
            return JournalCodec.Decode(message).Records;
        }
        catch (JournalCorruptException)
        {
            return [];
        }
    }
}
