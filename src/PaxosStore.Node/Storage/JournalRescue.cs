using System.Collections.Immutable;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;
using PaxosStore.Node.Startup;

namespace PaxosStore.Node.Storage;

/// <summary>Reads what can still be read of a damaged journal: not to vote on it, but to know whose it was and whom to ask.</summary>
internal static class JournalRescue
{
    /// <summary>The persistence id of the journal in a database that holds one; null when it holds none.</summary>
    public static string? FindId(string connectionString)
    {
        using var connection = new SqliteConnection(connectionString);
        connection.Open();
        using var table = connection.CreateCommand();
        table.CommandText = "SELECT 1 FROM sqlite_master WHERE name = 'journal'";
        if (table.ExecuteScalar() is null) return null;
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT persistence_id FROM journal WHERE persistence_id LIKE 'acceptor-%' ORDER BY ordering DESC LIMIT 1";
        return command.ExecuteScalar() as string;
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
            command.CommandText = "SELECT message FROM journal WHERE persistence_id LIKE 'acceptor-%' ORDER BY persistence_id, sequence_number";
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
