using System.Diagnostics;
using Npgsql;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>A PostgreSQL of its own in a temporary folder, reached through a socket there; ended and removed with the object.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string Programs = "/usr/lib/postgresql/15/bin";

    private string _folder = "";
    private Process? _process;
    private int _databases;

    /// <summary>Skips the test where there is no PostgreSQL; fails it where PAXOSSTORE_REQUIRE_ALL=1.</summary>
    public static void Require()
    {
        const string missing = "PostgreSQL 15 is not installed (scripts/install-test-tools.sh)";
        if (File.Exists(Path.Combine(Programs, "initdb"))) return;
        if (Environment.GetEnvironmentVariable("PAXOSSTORE_REQUIRE_ALL") == "1") throw new InvalidOperationException(missing);
        Skip.If(true, missing);
    }

    public async Task InitializeAsync()
    {
        if (!File.Exists(Path.Combine(Programs, "initdb"))) return;

        // Short: the path of a socket has room for a hundred characters.
        _folder = Directory.CreateTempSubdirectory("pxpg-").FullName;
        if (Environment.IsPrivilegedProcess) await RunAsync("chown", Unprivileged, _folder);
        await RunAsync([.. AsUser, Path.Combine(Programs, "initdb"), "-D", Path.Combine(_folder, "data"), "-U", "postgres", "-A", "trust", "--no-sync"]);
        _process = Start(
        [
            .. AsUser, Path.Combine(Programs, "postgres"), "-D", Path.Combine(_folder, "data"), "-k", _folder, "-c", "listen_addresses=", "-c", "shared_buffers=16MB",
        ]);
        var since = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await ExecuteAsync("postgres", "SELECT 1");
                return;
            }
            catch (NpgsqlException) when (since.Elapsed < TimeSpan.FromSeconds(30) && !_process.HasExited)
            {
                await Task.Delay(50);
            }
        }
    }

    public async Task DisposeAsync()
    {
        if (_process is null) return;
        NpgsqlConnection.ClearAllPools();

        // SIGINT ends it fast, with a farewell to its clients.
        if (!_process.HasExited) await RunAsync("kill", "-INT", _process.Id.ToString());
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Makes an empty database.</summary>
    /// <returns>How to connect to it.</returns>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync("postgres", $"CREATE DATABASE {name}");
        return Connection(name);
    }

    public async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(Connection(database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants of these tests
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Makes the server read its settings again, and waits until it has.</summary>
    public async Task ReloadAsync(string setting, string value)
    {
        await ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        while (await ShowAsync(setting) != value) await Task.Delay(20);
    }

    private async Task<string> ShowAsync(string setting)
    {
        await using var connection = new NpgsqlConnection(Connection("postgres") + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT current_setting(@setting)";
        command.Parameters.AddWithValue("setting", setting);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private string Connection(string database) => $"Host={_folder};Database={database};Username=postgres";

    /// <summary>PostgreSQL does not run as root.</summary>
    private static string[] AsUser => Environment.IsPrivilegedProcess
        ? ["setpriv", $"--reuid={Unprivileged}", $"--regid={Unprivileged}", "--clear-groups"]
        : [];

    private static string Unprivileged => File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "daemon";

    private static async Task RunAsync(params string[] command)
    {
        using var process = Start(command);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}");
    }

    private static Process Start(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
