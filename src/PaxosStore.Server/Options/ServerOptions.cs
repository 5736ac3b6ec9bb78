using System.Globalization;
using Akka.Configuration;
using Microsoft.Extensions.Logging;
using PaxosStore.Gateways.Etcd.Compaction;
using PaxosStore.Node;

namespace PaxosStore.Server.Options;

/// <summary>Everything the process was told: defaults, then file, then environment, then command line, checked and completed.</summary>
internal sealed record ServerOptions
{
    /// <summary>What the node starts from.</summary>
    internal required NodeSettings Node { get; init; }

    /// <summary>Least important line that is printed.</summary>
    internal required LogLevel LogLevel { get; init; }

    /// <summary>How much history is kept without anybody compacting it.</summary>
    internal required AutoCompaction AutoCompaction { get; init; }

    /// <summary>What the operator should know but what does not stop the start.</summary>
    internal required IReadOnlyList<string> Notices { get; init; }

    /// <summary>TLS on the client ports.</summary>
    internal required ClientTlsOptions ClientTls { get; init; }

    /// <summary>Bounds of requests and connections.</summary>
    internal required DoorLimits Limits { get; init; }

    /// <summary>Who may ask the HTTP API.</summary>
    internal required HttpAccess Access { get; init; }

    /// <summary>How users log in.</summary>
    internal required AuthOptions Auth { get; init; }

    /// <summary>Addresses that serve metrics and health pages only.</summary>
    internal required IReadOnlyList<Uri> ListenMetricsUrls { get; init; }

    /// <exception cref="OptionsException">Something is wrong with the options.</exception>
    internal static ServerOptions Load(CommandLine commandLine, IReadOnlyDictionary<string, string> environment)
    {
        var fromEnvironment = EnvironmentLayer.Read(environment);
        fromEnvironment.RequireNoConflict(commandLine);
        var layers = Layers.Read(commandLine, fromEnvironment);
        var notices = new List<string>([.. fromEnvironment.Notices, .. layers.Notices]);
        var given = EtcdPersona.IsOn(environment) ? EtcdPersona.Defaults(layers.Values) : layers.Values;
        var complete = Completion.Complete(given, notices);
        try
        {
            var settings = NodeSettings.FromConfig(Overlay(complete).WithFallback(layers.File));
            notices.AddRange(EtcdFlags.Notices(layers.Etcd, settings.DataDirectory));
            var options = new ServerOptions
            {
                Node = settings,
                LogLevel = Level(complete),
                AutoCompaction = Compaction(complete),
                ClientTls = ClientTlsOptions.Read(complete),
                Limits = DoorLimits.Read(complete),
                Access = HttpAccess.Read(complete),
                Auth = AuthOptions.Read(complete),
                ListenMetricsUrls = [.. OptionValue.Split(Completion.Effective(complete, OptionTable.ListenMetricsUrls)).Select(url => new Uri(url))],
                Notices = notices,
            };
            CrossChecks.Check(options, notices);
            return options;
        }
        catch (NodeStartupException e)
        {
            throw new OptionsException(e.Message);
        }
    }

    private static Config Overlay(IReadOnlyDictionary<string, Given> values)
    {
        var lines = values.Select(pair => $"{ConfigFiles.Root}.{pair.Key} = \"{Escape(pair.Value.Value)}\"");
        return ConfigurationFactory.ParseString(string.Join('\n', lines));
    }

    private static string Escape(string text) => text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    private static AutoCompaction Compaction(IReadOnlyDictionary<string, Given> values)
    {
        try
        {
            return AutoCompaction.Parse(
                Completion.Effective(values, OptionTable.AutoCompactionMode), Completion.Effective(values, OptionTable.AutoCompactionRetention));
        }
        catch (FormatException e)
        {
            throw new OptionsException($"--{OptionTable.AutoCompactionRetention}: {e.Message}");
        }
    }

    private static LogLevel Level(IReadOnlyDictionary<string, Given> values) =>
        Completion.Effective(values, OptionTable.LogLevel) switch
        {
            "debug" => LogLevel.Debug,
            "warn" => LogLevel.Warning,
            "error" => LogLevel.Error,
            "dpanic" or "panic" or "fatal" => LogLevel.Critical,
            _ => LogLevel.Information,
        };
}
