using Akka.Pattern;
using Microsoft.Data.Sqlite;
using Npgsql;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>Operators are told the cause and the next step.</summary>
public sealed class StorageFailureTests
{
    public static TheoryData<Exception, string> Failures => new()
    {
        { new SqliteException("full", 13), "disk is full" },
        { new SqliteException("io", 10), "failed to read or write" },
        { new SqliteException("malformed", 11), "stored data is damaged" },
        { new SqliteException("not a database", 26), "stored data is damaged" },
        { new SqliteException("locked", 5), "another process" },
        { new SqliteException("readonly", 8), "fix their permissions" },
        { new SqliteException("other", 1), "report it" },
        { Postgres("53100"), "database's disk is full" },
        { Postgres("53300"), "no resources left" },
        { Postgres("57P01"), "make the database reachable" },
        { Postgres("28P01"), "storage-connection" },
        { Postgres("3D000"), "create it" },
        { Postgres("42501"), "lacks a right" },
        { Postgres("25006"), "primary" },
        { Postgres("58030"), "disk failed" },
        { Postgres("XX001"), "stored data is damaged" },
        { Postgres("22000"), "database's log" },
        { new NpgsqlException("Failed to connect", new IOException("refused")), "make the database reachable" },
        { new OpenCircuitException("open"), "did not answer in time" },
        { new TimeoutException("late"), "did not answer in time" },
        { new IOException("broken"), "look at the disk" },
        { new InvalidOperationException("odd"), "report it" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void Every_failure_is_described_with_its_next_step(Exception failure, string step)
    {
        Assert.Contains(step, StorageFailure.Describe(failure), StringComparison.Ordinal);
        Assert.Contains(step, StorageFailure.Describe(new AggregateException(new InvalidOperationException("wrapped", failure))), StringComparison.Ordinal);
        Assert.StartsWith(failure.Message, StorageFailure.Describe(failure), StringComparison.Ordinal);
    }

    [Fact]
    public void Damage_is_told_from_other_failures()
    {
        Assert.True(StorageFailure.IsDamage(new AggregateException(new SqliteException("malformed", 11))));
        Assert.True(StorageFailure.IsDamage(Postgres("XX002")));
        Assert.False(StorageFailure.IsDamage(new SqliteException("full", 13)));
        Assert.False(StorageFailure.IsDamage(Postgres("53100")));
        Assert.False(StorageFailure.IsDamage(new IOException("broken")));
    }

    private static PostgresException Postgres(string state) => new("message", "ERROR", "ERROR", state);
}
