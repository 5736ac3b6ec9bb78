using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Patroni;

/// <summary>What Patroni tells of a member.</summary>
/// <param name="Name">The member.</param>
/// <param name="Role">leader, replica, …</param>
/// <param name="State">running, streaming, stopped, …</param>
internal sealed record MemberState(string Name, string Role, string State);

/// <summary>One Patroni with its PostgreSQL: real processes from Debian's packages, not as root.</summary>
internal sealed class PatroniMember(string name, string folder, string configuration, int restPort, int sqlPort) : IDisposable
{
    public const string Programs = "/usr/lib/postgresql/15/bin";
    public const string Scope = "demo";

    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(5);
    private readonly HttpClient _rest = new() { BaseAddress = new Uri($"http://127.0.0.1:{restPort}"), Timeout = Answer };
    private Process? _process;

    public string Name => name;

    public string ConfigurationFile => Path.Combine(folder, name + ".yml");

    public string LogFile => Path.Combine(folder, name + ".log");

    public string LogTail => $"--- {LogFile}\n" + (File.Exists(LogFile) ? string.Join('\n', File.ReadLines(LogFile).TakeLast(25)) : "");

    /// <summary>The user that runs what must not run as root; nothing is changed for others.</summary>
    public static string[] AsUser => Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];

    public void Start()
    {
        File.WriteAllText(ConfigurationFile, configuration);
        var start = new ProcessStartInfo("/bin/sh");
        foreach (var argument in (string[])["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", LogFile, .. AsUser, "patroni", ConfigurationFile]) start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
    }

    /// <summary>Kills Patroni and PostgreSQL at once, as when the machine is lost.</summary>
    public void Kill()
    {
        if (_process is { HasExited: false }) Signals.Send(_process.Id, Signals.Kill);
        _process?.WaitForExit();
        if (Postmaster() is { } postmaster && Directory.Exists($"/proc/{postmaster}")) Signals.Send(postmaster, Signals.Kill);
    }

    /// <summary>All members as this one sees them, or null when it does not answer.</summary>
    public async Task<IReadOnlyList<MemberState>?> ClusterAsync()
    {
        try
        {
            var cluster = await _rest.GetFromJsonAsync<JsonElement>("/cluster");
            return [.. cluster.GetProperty("members").EnumerateArray().Select(m =>
                new MemberState(m.GetProperty("name").GetString()!, m.GetProperty("role").GetString()!, m.GetProperty("state").GetString()!))];
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Changes the configuration of the cluster.</summary>
    public async Task ConfigureAsync(string json)
    {
        using var content = new StringContent(json);
        using var reply = await _rest.PatchAsync("/config", content);
        Assert.True(reply.IsSuccessStatusCode, $"{reply.StatusCode}: {await reply.Content.ReadAsStringAsync()}");
    }

    /// <summary>Whether its PostgreSQL takes writes; null when it does not answer.</summary>
    public async Task<bool?> IsPrimaryAsync() => await SqlAsync("SELECT pg_is_in_recovery()") switch
    {
        { ExitCode: 0 } result => result.Output.Trim() == "f",
        _ => null,
    };

    /// <summary>Runs a statement in its PostgreSQL.</summary>
    public Task<ProgramResult> SqlAsync(string sql) => Processes.Programs.RunAsync(
        Path.Combine(Programs, "psql"), ["-h", "127.0.0.1", "-p", $"{sqlPort}", "-U", "postgres", "-d", "postgres", "-AtX", "-c", sql],
        environment: new Dictionary<string, string> { ["PGPASSWORD"] = "secret", ["PGCONNECT_TIMEOUT"] = "3" });

    public void Dispose()
    {
        Kill();
        _process?.Dispose();
        _rest.Dispose();
    }

    private int? Postmaster()
    {
        var file = Path.Combine(folder, name, "postmaster.pid");
        return File.Exists(file) && int.TryParse(File.ReadLines(file).FirstOrDefault(), out var pid) ? pid : null;
    }
}
