using System.Text.RegularExpressions;
using PaxosStore.Testing;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>
/// The machines of a page of the documentation, made of ports and directories of this one, on which the procedures of that page are executed as they are written
/// there: addresses and paths are replaced, and <c>systemctl</c> and <c>paxosctl</c> are shell functions.
/// </summary>
internal sealed partial class DocumentedWorld : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly string _root;
    private readonly Dictionary<string, string> _blocks;
    private readonly Dictionary<string, int> _ports = [];
    private readonly Dictionary<string, NodeClient> _clients = [];
    private bool _keep;

    private DocumentedWorld(string document)
    {
        _root = Directory.CreateTempSubdirectory($"{Target.UnderTest.Name}-operations-").FullName;
        foreach (var directory in (string[])["etc", "lib", "backups"])
            Directory.CreateDirectory(Path.Combine(_root, directory));
        _blocks = Block().Matches(document).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
    }

    /// <summary>Reads the page, a file in docs.</summary>
    public static DocumentedWorld Open(string page)
    {
        if (Target.UnderTest.IsEtcd)
            Programs.Require("etcdctl");
        Target.UnderTest.RequirePresent();
        return new DocumentedWorld(File.ReadAllText(Path.Combine(Repository.Root, "docs", page)));
    }

    /// <summary>The names of all procedures.</summary>
    public IEnumerable<string> Procedures => _blocks.Keys.Where(k => k.StartsWith("procedure: ", StringComparison.Ordinal)).Select(k => k["procedure: ".Length..]);

    /// <summary>Writes the configuration of members n1 to n3, after that of n1 on the page.</summary>
    public void Configure()
    {
        for (var i = 1; i <= 3; i++)
            File.WriteAllText(Path.Combine(_root, "etc", $"n{i}.conf"), Translate(As(_blocks["file: /etc/paxosstore/n1.conf"], "n1", $"n{i}", "10.0.0.1:", $"10.0.0.{i}:")));
    }

    /// <summary>Executes a procedure; every command in it must succeed.</summary>
    public Task RunAsync(string procedure) => ShellAsync(_blocks["procedure: " + procedure]);

    /// <summary>Executes a procedure that the page shows for one machine on another one.</summary>
    public Task RunAsync(string procedure, string name, string asName, string machine, string asMachine) =>
        ShellAsync(As(_blocks["procedure: " + procedure], name, asName, machine + ":", asMachine + ":"));

    /// <summary>Executes commands that are not on the page, as part of the same world.</summary>
    public async Task ShellAsync(string commands)
    {
        var prelude = Path.Combine(AppContext.BaseDirectory, "Processes", "documented-world.sh");
        var script = $". '{prelude}'\n{_blocks["procedure: environment"]}\nset -eu -o pipefail\n{commands}\n";
        var environment = new Dictionary<string, string>
        {
            ["WORLD"] = _root,
            ["TARGET"] = Target.UnderTest.Name,
            ["SERVER"] = string.Join(' ', [Target.UnderTest.Executable, .. Target.UnderTest.FirstArguments]),
            ["PAXOSCTL"] = $"dotnet {Target.ControlAssembly()}",
        };
        var result = await Programs.RunAsync("bash", ["-c", Translate(script)], environment: environment, timeout: Limit);
        Assert.True(result.ExitCode == 0, $"{commands}\n{result}");
    }

    /// <summary>A connection to the node on a machine of the page.</summary>
    public NodeClient Client(string machine)
    {
        var address = Translate($"{machine}:2379");
        if (!_clients.TryGetValue(address, out var client))
            _clients[address] = client = new NodeClient(machine, "http://" + address);
        return client;
    }

    /// <summary>kill -9, and the data is gone with the machine.</summary>
    public void Lose(string name)
    {
        if (Running(name) is { } pid)
            Signals.Send(pid, Signals.Kill);
        Directory.Delete(Path.Combine(_root, "lib", name), recursive: true);
    }

    /// <summary>Runs a scenario; when it fails, says where the logs are and keeps them.</summary>
    public async Task RunAsync(Func<Task> scenario)
    {
        try
        {
            await scenario();
        }
        catch (Exception e)
        {
            _keep = true;
            var tails = Directory.GetFiles(_root, "*.log").Select(f => $"--- {f}\n{string.Join('\n', File.ReadLines(f).TakeLast(20))}");
            throw new ScenarioFailedException($"{e.Message}\nlogs and data are kept in {_root}\n{string.Join('\n', tails)}", e);
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var client in _clients.Values)
            client.Dispose();
        foreach (var file in Directory.GetFiles(_root, "*.pid"))
        {
            if (Running(Path.GetFileNameWithoutExtension(file)) is { } pid)
                Signals.Send(pid, Signals.Kill);
        }

        if (!_keep)
            Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>The process of a service, if it is still that one: a number that was given anew has another command line.</summary>
    private int? Running(string name)
    {
        var file = Path.Combine(_root, name + ".pid");
        if (!File.Exists(file) || !int.TryParse(File.ReadAllText(file), out var pid) || !File.Exists($"/proc/{pid}/cmdline"))
            return null;
        return File.ReadAllText($"/proc/{pid}/cmdline").Contains(_root, StringComparison.Ordinal) ? pid : null;
    }

    /// <summary>The names of all members stay as they are.</summary>
    private static string As(string text, string name, string asName, string machine, string asMachine) => string.Join(
        '\n', text.Split('\n').Select(l => l.Contains("initial-cluster =", StringComparison.Ordinal) ? l : l.Replace(name, asName).Replace(machine, asMachine)));

    private string Translate(string text)
    {
        text = text.Replace("/etc/paxosstore", Path.Combine(_root, "etc")).Replace("/var/lib/paxosstore", Path.Combine(_root, "lib"))
            .Replace("/var/backups/paxosstore", Path.Combine(_root, "backups"));
        return Address().Replace(text, m =>
        {
            if (!_ports.TryGetValue(m.Value, out var port))
                _ports[m.Value] = port = FreePorts.One();
            return $"127.0.0.1:{port}";
        });
    }

    [GeneratedRegex(@"<!-- ((?:procedure|file): \S+) -->\n```\w+\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"10\.0\.0\.\d+:\d+")]
    private static partial Regex Address();
}
