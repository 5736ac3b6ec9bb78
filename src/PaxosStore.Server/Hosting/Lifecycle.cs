using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PaxosStore.Gateways.Etcd;
using PaxosStore.Kv;
using PaxosStore.Node;
using PaxosStore.Server.Logging;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Hosting;

/// <summary>One run of the process, from its options to its exit code.</summary>
internal static class Lifecycle
{
    /// <summary>Stopped as asked.</summary>
    internal const int Success = 0;

    /// <summary>Could not start, or could not go on.</summary>
    internal const int Failure = 1;

    /// <summary>Wrong options.</summary>
    internal const int Usage = 2;

    // Supervisors kill what does not heed SIGTERM in time.
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(4.5);
    private static readonly TimeSpan FirstPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LaterPatience = TimeSpan.FromSeconds(60);

    /// <summary>The version as people read it.</summary>
    internal static string Version { get; } =
        (typeof(Lifecycle).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0").Split('+')[0];

    /// <summary>Reads the options, then runs until asked to stop.</summary>
    internal static async Task<int> MainAsync(
        IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, TextWriter output, TextWriter errors)
    {
        ServerOptions options;
        try
        {
            var commandLine = CommandLine.Parse(arguments);
            if (commandLine.ShowHelp || commandLine.ShowVersion)
            {
                await output.WriteAsync(commandLine.ShowHelp ? HelpText.Render() : VersionText(EtcdPersona.IsOn(environment)));
                return Success;
            }

            options = ServerOptions.Load(commandLine, environment);
        }
        catch (OptionsException e)
        {
            await errors.WriteLineAsync($"error: {e.Message}");
            await errors.WriteLineAsync("Run with --help to see all options.");
            return Usage;
        }

        return await RunAsync(options);
    }

    /// <summary>What <c>--version</c> prints; started under etcd's name, the line that etcd's users look for comes first.</summary>
    internal static string VersionText(bool asEtcd)
    {
        string[] lines = [$"PaxosStore Version: {Version}", $"etcd Version: {new EtcdDoorOptions().ReportedVersion}"];
        if (asEtcd) Array.Reverse(lines);
        return string.Join('\n', [.. lines, $"Runtime: {RuntimeInformation.FrameworkDescription}", $"OS/Arch: {RuntimeInformation.RuntimeIdentifier}", ""]);
    }

    private static async Task<int> RunAsync(ServerOptions options)
    {
        await using var app = ServerApp.Build(options);
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("PaxosStore.Server");
        Log.Starting(logger, Version, options.Node.Name, Environment.Version.ToString(), Environment.ProcessId);
        foreach (var notice in options.Notices) Log.Notice(logger, notice);
        try
        {
            Ports.RequireFree(CrossChecks.Listened(options));
            app.Services.GetRequiredService<ClientTls>().Open();
            ServerApp.MapDoors(app, options);
            await app.StartAsync(app.Lifetime.ApplicationStopping);
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return await StopAsync(app, logger, Success);
        }
        catch (Exception e) when (Expected(e) is { } reason)
        {
            Log.CannotStart(logger, reason);
            return Failure;
        }
#pragma warning disable CA1031 // The outermost frame: whatever it is, it is written down and the process ends.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Log.Unexpected(logger, e);
            return Failure;
        }

        var code = await ServeAsync(app, options, logger);
        return await StopAsync(app, logger, code);
    }

    /// <summary>The reason in words, if the failure is one that operators meet.</summary>
    private static string? Expected(Exception failure) => failure switch
    {
        NodeStartupException or IOException => failure.Message,
        AggregateException { InnerExceptions: [var one] } => Expected(one),
        _ => null,
    };

    private static async Task<int> ServeAsync(WebApplication app, ServerOptions options, ILogger logger)
    {
        var node = app.Services.GetRequiredService<INodeLifetime>();
        var stopping = Task.Delay(Timeout.InfiniteTimeSpan, app.Lifetime.ApplicationStopping);
        await WaitReadyAsync(node, stopping, options, logger);
        if (node.Ready.IsCompletedSuccessfully && !stopping.IsCompleted) AnnounceReady(app, options, logger);
        await Task.WhenAny(node.Failed, stopping);
        if (!node.Failed.IsCompleted) return Success;
        Log.NodeFailed(logger, await node.Failed);
        return Failure;
    }

    private static async Task WaitReadyAsync(INodeLifetime node, Task stopping, ServerOptions options, ILogger logger)
    {
        var watch = Stopwatch.StartNew();
        var patience = FirstPatience;
        while (true)
        {
            using var waited = new CancellationTokenSource();
            var first = await Task.WhenAny(node.Ready, node.Failed, stopping, Task.Delay(patience, waited.Token));
            await waited.CancelAsync();
            if (first == node.Ready || first == node.Failed || first == stopping) return;
            var members = options.Node.InitialCluster.Select(member => $"{member.Key}@{member.Value.Authority}");
            Log.Waiting(logger, string.Join(',', members), (long)watch.Elapsed.TotalSeconds);
            patience = LaterPatience;
        }
    }

    private static void AnnounceReady(WebApplication app, ServerOptions options, ILogger logger)
    {
        var node = options.Node;
        var status = app.Services.GetRequiredService<IKvStore>().Status;
        var sinceStart = TimeProvider.System.GetUtcNow() - new DateTimeOffset(Process.GetCurrentProcess().StartTime.ToUniversalTime());
        Log.Ready(
            logger, node.Name, Join(node.ListenClientUrls), Join([.. node.ListenClientUrls, .. node.ListenHttpUrls]), Join([node.ListenPeerUrl]),
            LineFormatter.Quoted(node.DataDirectory),
            status.MemberId.ToString("x"), status.ClusterId.ToString("x"), (long)sinceStart.TotalMilliseconds);
        Log.Hint(logger, $"etcdctl --endpoints={Reachable(node.ListenClientUrls[0])} put hello world");
    }

    private static string Reachable(Uri url)
    {
        var authority = OptionValue.IsWildcard(url) ? $"127.0.0.1:{url.Port}" : url.Authority;
        return NodeSettings.IsTls(url) ? $"https://{authority} --cacert=FILE" : authority;
    }

    private static string Join(IEnumerable<Uri> urls) => string.Join(',', urls.Select(url => $"{url.Scheme}://{url.Authority}"));

    private static async Task<int> StopAsync(WebApplication app, ILogger logger, int code)
    {
        var watch = Stopwatch.StartNew();
        Log.Stopping(logger);
        try
        {
            // While the doors are still open: clients lose nothing but the time it takes another node to lead.
            if (code == Success && app.Services.GetService<INodeLifetime>() is { } node) await node.HandOverAsync();
            await app.StopAsync(CancellationToken.None).WaitAsync(LongestStop);
            Log.Stopped(logger, watch.ElapsedMilliseconds);
        }
        catch (Exception e) when (IsImpatience(e))
        {
            Log.StoppedHard(logger, watch.ElapsedMilliseconds);
        }
#pragma warning disable CA1031 // The outermost frame: whatever it is, it is written down and the process ends.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Log.Unexpected(logger, e);
            return Failure;
        }

        return code;
    }

    private static bool IsImpatience(Exception failure) =>
        failure is OperationCanceledException or TimeoutException || (failure is AggregateException many && many.InnerExceptions.All(IsImpatience));
}
