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

    /// <summary>How much work a password's hash costs.</summary>
    internal required int BcryptCost { get; init; }

    /// <summary>How long a token lasts unused.</summary>
    internal required TimeSpan AuthTokenTtl { get; init; }

    /// <summary>What the operator should know but what does not stop the start.</summary>
    internal required IReadOnlyList<string> Notices { get; init; }

    /// <exception cref="OptionsException">Something is wrong with the options.</exception>
    internal static ServerOptions Load(CommandLine commandLine, IReadOnlyDictionary<string, string> environment)
    {
        var file = Config.Empty;
        var given = new Dictionary<string, Given>(StringComparer.Ordinal);
        var fromEnvironment = EnvironmentLayer.Read(environment);
        if (Pick(OptionTable.ConfigFile, commandLine.Values, fromEnvironment.Values) is { } path)
        {
            file = ConfigFiles.Read(path.Value, path.Source);
            Add(given, ConfigFiles.Values(file, path.Value));
        }

        Add(given, fromEnvironment.Values);
        Add(given, commandLine.Values);
        given.Remove(OptionTable.ConfigFile);

        var notices = new List<string>(fromEnvironment.Notices);
        var complete = Completion.Complete(given, notices);
        try
        {
            var settings = NodeSettings.FromConfig(Overlay(complete).WithFallback(file));
            CrossChecks.Check(settings);
            return new ServerOptions
            {
                Node = settings,
                LogLevel = Level(complete),
                AutoCompaction = Compaction(complete),
                BcryptCost = Number(complete, OptionTable.BcryptCost, 4, 31),
                AuthTokenTtl = TimeSpan.FromSeconds(Number(complete, OptionTable.AuthTokenTtl, 1, int.MaxValue)),
                Notices = notices,
            };
        }
        catch (NodeStartupException e)
        {
            throw new OptionsException(e.Message);
        }
    }

    private static Given? Pick(string name, params IReadOnlyDictionary<string, Given>[] layers)
    {
        foreach (var layer in layers)
        {
            if (layer.TryGetValue(name, out var value)) return value;
        }

        return null;
    }

    private static void Add(Dictionary<string, Given> values, IReadOnlyDictionary<string, Given> stronger)
    {
        foreach (var (name, value) in stronger) values[name] = value;
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

    private static int Number(IReadOnlyDictionary<string, Given> values, string option, int least, int most)
    {
        var number = int.Parse(Completion.Effective(values, option), CultureInfo.InvariantCulture);
        return number >= least && number <= most
            ? number
            : throw new OptionsException($"--{option}: '{number}' is not usable; expected a whole number from {least} to {most}");
    }

    private static LogLevel Level(IReadOnlyDictionary<string, Given> values) =>
        Completion.Effective(values, OptionTable.LogLevel) switch
        {
            "debug" => LogLevel.Debug,
            "warn" => LogLevel.Warning,
            "error" => LogLevel.Error,
            _ => LogLevel.Information,
        };
}
