using System.Diagnostics;
using PaxosStore.Testing;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>One node as a real process that can be killed, stopped, continued and started again on the same data and ports.</summary>
internal sealed class NodeProcess : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);
    private readonly Target _target;
    private readonly string[] _flags;
    private readonly string _clientScheme;
    private readonly string _peerScheme;
    private readonly int _securePort;
    private readonly List<Process> _processes = [];
    private Process? _process;
    private long _logStart;

    public NodeProcess(ClusterPlan plan, string name, string directory, NodePorts ports, IEnumerable<string> extraFlags)
    {
        _target = plan.Target;
        (_clientScheme, _peerScheme, _securePort) = (plan.ClientScheme, plan.PeerScheme, plan.SecurePort);
        Name = name;
        Ports = ports;
        DataDirectory = Path.Combine(directory, name + ".data");
        LogFile = Path.Combine(directory, name + ".log");
        _flags = [.. OwnFlags(), .. extraFlags];
        AppDomain.CurrentDomain.ProcessExit += OnHarnessExit;
    }

    public string Name { get; }

    public NodePorts Ports { get; }

    public string DataDirectory { get; }

    public string LogFile { get; }

    /// <summary>A command that the node is started through, such as strace; it must become the node's process by exec.</summary>
    public IReadOnlyList<string> Wrapper { get; set; } = [];

    public string ClientUrl => $"{_clientScheme}://127.0.0.1:{Ports.Client}";

    /// <summary>Where its peers are told to find it.</summary>
    public string PeerUrl => $"{_peerScheme}://127.0.0.1:{Ports.Advertised}";

    public bool IsRunning => _process is { HasExited: false };

    public bool WasStarted => _process is not null;

    public int Pid => _process?.Id ?? throw new InvalidOperationException($"{Name} was never started");

    /// <summary>How the process ended.</summary>
    public int ExitCode => _process?.ExitCode ?? throw new InvalidOperationException($"{Name} was never started");

    /// <summary>What the process wrote since its last start.</summary>
    public string LogSinceStart
    {
        get
        {
            if (!File.Exists(LogFile))
                return "";
            using var stream = new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            stream.Seek(Math.Min(_logStart, stream.Length), SeekOrigin.Begin);
            return new StreamReader(stream).ReadToEnd();
        }
    }

    /// <summary>The last lines of the log, for failure messages.</summary>
    public string LogTail => $"--- {LogFile}\n" + string.Join('\n', LogSinceStart.Split('\n').TakeLast(30));

    /// <summary>Bytes of the files in the data directory.</summary>
    public long DataBytes => DataFiles.Size(DataDirectory);

    /// <summary>Resident memory in megabytes.</summary>
    public double ResidentMegabytes =>
        long.Parse(File.ReadLines($"/proc/{Pid}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0;

    /// <summary>Starts the process. The shell hands its log file to it directly, so a busy harness never blocks a node.</summary>
    public void Start()
    {
        if (IsRunning)
            throw new InvalidOperationException($"{Name} is running already");
        _logStart = File.Exists(LogFile) ? new FileInfo(LogFile).Length : 0;
        var start = new ProcessStartInfo("/bin/sh");
        foreach (var argument in (string[])["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", LogFile, .. Wrapper, _target.Executable, .. _target.FirstArguments, .. _flags])
            start.ArgumentList.Add(argument);
        start.Environment["DOTNET_gcServer"] = "0";

        // Somebody may be asking the former process just now whether it runs: it is given back with the node.
        _processes.Add(_process = Process.Start(start)!);
    }

    /// <summary>Waits for the line that says the node serves clients.</summary>
    public async Task WaitReadyAsync(TimeSpan limit)
    {
        var watch = Stopwatch.StartNew();
        while (!LogSinceStart.Contains("ready to serve client requests", StringComparison.Ordinal))
        {
            if (!IsRunning)
                throw new InvalidOperationException($"{Name} ended with exit code {_process?.ExitCode} before it was ready\n{LogTail}");
            if (watch.Elapsed > limit)
                throw new TimeoutException($"{Name} was not ready within {limit.TotalSeconds} s\n{LogTail}");
            await Task.Delay(Poll);
        }
    }

    /// <summary>SIGKILL: no chance to say good-bye.</summary>
    public void Kill()
    {
        Signals.Send(Pid, Signals.Kill);
        _process!.WaitForExit();
    }

    /// <summary>SIGSTOP: the process stands still but its connections stay.</summary>
    public void Pause() => Signals.Send(Pid, Signals.Stop);

    /// <summary>SIGCONT.</summary>
    public void Resume() => Signals.Send(Pid, Signals.Continue);

    /// <summary>SIGTERM; the exit code, or an exception if the process is still there after <paramref name="limit"/>.</summary>
    public async Task<int> StopAsync(TimeSpan limit)
    {
        Signals.Send(Pid, Signals.Terminate);
        return await WaitExitAsync(limit);
    }

    /// <summary>Waits until the process ends by itself.</summary>
    public async Task<int> WaitExitAsync(TimeSpan limit)
    {
        using var cancellation = new CancellationTokenSource(limit);
        try
        {
            await _process!.WaitForExitAsync(cancellation.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Name} did not end within {limit.TotalSeconds} s\n{LogTail}");
        }

        return _process.ExitCode;
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnHarnessExit;
        if (IsRunning)
            Kill();
        _processes.ForEach(p => p.Dispose());
    }

    private void OnHarnessExit(object? sender, EventArgs e)
    {
        if (IsRunning)
            Signals.Send(Pid, Signals.Kill);
    }

    public override string ToString() => Name;

    private string[] OwnFlags() =>
    [
        "--name", Name, "--data-dir", DataDirectory,
        "--listen-client-urls", _securePort == 0 ? ClientUrl : $"{ClientUrl},https://127.0.0.1:{_securePort}", "--advertise-client-urls", ClientUrl,
        "--listen-peer-urls", $"{_peerScheme}://127.0.0.1:{Ports.Peer}", "--initial-advertise-peer-urls", PeerUrl,
    ];
}

/// <summary>The ports of one node. Its peers may be told another port than the one it listens on, behind which somebody sits who spoils their connections.</summary>
internal readonly record struct NodePorts(int Client, int Peer, int Advertised)
{
    public NodePorts(int client, int peer)
        : this(client, peer, peer)
    {
    }

    public static NodePorts Free() => new(FreePorts.One(), FreePorts.One());
}
