using System.Globalization;
using PaxosStore.Gateways.Etcd;
using Akka.Configuration;

namespace PaxosStore.Server.Options;

/// <summary>Bounds of requests and connections of clients.</summary>
/// <param name="MaxTxnOps">Most operations of one transaction.</param>
/// <param name="MaxRequestBytes">Largest write.</param>
/// <param name="MaxConcurrentStreams">Most calls in progress on one connection.</param>
/// <param name="WatchProgressInterval">How often an idle watcher that asked for it learns the current revision.</param>
/// <param name="KeepAliveInterval">Silence after which a connection is asked whether it lives; zero for never.</param>
/// <param name="KeepAliveTimeout">How long the answer may take.</param>
internal sealed record DoorLimits(
    int MaxTxnOps, int MaxRequestBytes, long MaxConcurrentStreams, TimeSpan WatchProgressInterval, TimeSpan KeepAliveInterval, TimeSpan KeepAliveTimeout)
{
    internal static DoorLimits Read(IReadOnlyDictionary<string, Given> values) => new(
        (int)values.Number("max-txn-ops"), (int)values.Number("max-request-bytes"), values.Number("max-concurrent-streams"),
        values.Time("watch-progress-notify-interval"), values.Time("grpc-keepalive-interval"), values.Time("grpc-keepalive-timeout"));
}

/// <summary>Who may ask the HTTP API.</summary>
/// <param name="Origins">Origins of web pages; empty for all.</param>
/// <param name="Hosts">Names it may be asked under without TLS; empty for all.</param>
internal sealed record HttpAccess(IReadOnlyList<string> Origins, IReadOnlyList<string> Hosts)
{
    internal static HttpAccess Read(IReadOnlyDictionary<string, Given> values) => new(List(values, "cors"), List(values, "host-whitelist"));

    private static string[] List(IReadOnlyDictionary<string, Given> values, string name)
    {
        var words = OptionValue.Split(Completion.Effective(values, name));
        return words.Contains("*") ? [] : words;
    }
}

/// <summary>How users log in.</summary>
/// <param name="Token">The kind of token with its options, as etcd's <c>--auth-token</c> writes it.</param>
/// <param name="TokenTtl">How long a simple token lives without being used.</param>
/// <param name="BcryptCost">Cost of checking a password.</param>
internal sealed record AuthOptions(string Token, TimeSpan TokenTtl, int BcryptCost)
{
    /// <exception cref="OptionsException">There is no such kind of token, or its keys are of no use.</exception>
    internal static AuthOptions Read(IReadOnlyDictionary<string, Given> values)
    {
        var token = Completion.Effective(values, "auth-token");
        try
        {
            EtcdDoorOptions.CheckAuthToken(token);
        }
        catch (FormatException e)
        {
            throw new OptionsException($"--auth-token: {e.Message}");
        }

        return new AuthOptions(token, TimeSpan.FromSeconds(values.Number("auth-token-ttl")), (int)values.Number("bcrypt-cost"));
    }
}

/// <summary>Values in the form the program uses.</summary>
internal static class TypedValues
{
    internal static long Number(this IReadOnlyDictionary<string, Given> values, string name) =>
        long.Parse(Completion.Effective(values, name), CultureInfo.InvariantCulture);

    internal static bool IsOn(this IReadOnlyDictionary<string, Given> values, string name) => Completion.Effective(values, name) == "true";

    internal static TimeSpan Time(this IReadOnlyDictionary<string, Given> values, string name) =>
        ConfigurationFactory.ParseString($"time = {Completion.Effective(values, name)}").GetTimeSpan("time");
}
