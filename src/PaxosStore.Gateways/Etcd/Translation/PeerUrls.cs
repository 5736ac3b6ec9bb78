using System.Text.RegularExpressions;

namespace PaxosStore.Gateways.Etcd.Translation;

/// <summary>Peer URLs in requests. Members are reached at one address.</summary>
internal static partial class PeerUrls
{
    /// <summary>The one URL, as members write it.</summary>
    /// <exception cref="Grpc.Core.RpcException">There is not exactly one, or it is no <c>http://host:port</c> or <c>https://host:port</c>.</exception>
    internal static string One(IReadOnlyList<string> urls)
    {
        if (urls.Count != 1 || !Pattern().IsMatch(urls[0].Trim())) throw EtcdErrors.MemberBadUrls;
        if (!Uri.TryCreate(urls[0].Trim(), UriKind.Absolute, out var url) || url.Port < 1) throw EtcdErrors.MemberBadUrls;
        return $"{url.Scheme}://{url.Host}:{url.Port}";
    }

    // The port must be written, and nothing may follow it.
    [GeneratedRegex(@"^https?://([^/\s@:?#\[\]]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$", RegexOptions.IgnoreCase)]
    private static partial Regex Pattern();
}
