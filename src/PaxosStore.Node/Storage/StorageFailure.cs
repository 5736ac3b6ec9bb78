using System.Data.Common;
using Akka.Pattern;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace PaxosStore.Node.Storage;

/// <summary>What went wrong with the storage, and what to do, in words for operators.</summary>
internal static class StorageFailure
{
    /// <summary>The storage says that its own content is damaged.</summary>
    public static bool IsDamage(Exception e) => Cause(e) switch
    {
        SqliteException s => s.SqliteErrorCode is raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB,
        DbException { SqlState: "XX001" or "XX002" } => true,
        _ => false,
    };

    /// <summary>Cause and next step, as the end of a sentence.</summary>
    public static string Describe(Exception e)
    {
        var cause = Cause(e);
        var step = cause switch
        {
            SqliteException s => Sqlite(s.SqliteErrorCode),
            DbException { SqlState: { } state } => Sql(state),
            DbException => Database,
            OpenCircuitException or TimeoutException or OperationCanceledException => "the storage did not answer in time; look for a slow or failing disk or database, then start the node again",
            IOException => "look at the disk, then start the node again",
            _ => "start the node again; if it comes back, report it",
        };
        return $"{cause.Message.TrimEnd('.')}: {step}";
    }

    private const string Database = "make the database reachable, then start the node again";
    private const string Damaged =
        "the stored data is damaged; look at the disk, then start the node again: it gets what it lost from the other members or says what to do";

    private static string Sqlite(int code) => code switch
    {
        raw.SQLITE_FULL => "the disk is full; make room, then start the node again",
        raw.SQLITE_IOERR => "the disk failed to read or write; look at it and at the system's log before you start the node again",
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => Damaged,
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => "another process holds the data files; stop it, then start the node again",
        raw.SQLITE_READONLY or raw.SQLITE_PERM or raw.SQLITE_CANTOPEN => "the data files can't be opened for writing; fix their permissions, then start the node again",
        _ => "start the node again; if it comes back, report it",
    };

    /// <summary>By class of PostgreSQL's error codes (appendix A of its manual).</summary>
    private static string Sql(string state) => state switch
    {
        "53100" => "the database's disk is full; make room there, then start the node again",
        ['5', '3', ..] => "the database has no resources left (connections, memory); free some, then start the node again",
        ['0', '8', ..] or ['5', '7', ..] => Database,
        ['2', '8', ..] => "the database refuses the user; check storage-connection",
        ['3', 'D', ..] => "the database does not exist; create it or check storage-connection",
        ['4', '2', ..] => "the user lacks a right or a table; give it the right to create tables in the schema",
        "25006" => "the database takes no writes (a standby?); connect to the primary",
        ['5', '8', ..] => "the database's disk failed; look at the system's log there",
        "XX001" or "XX002" => Damaged,
        _ => "look at the database's log, then start the node again",
    };

    /// <summary>The provider's own exception, which says more than what caused it (a broken socket); else the innermost.</summary>
    public static Exception Cause(Exception e)
    {
        while (e is not DbException && e.InnerException is { } inner) e = inner;
        return e;
    }
}
