using Microsoft.Extensions.Logging;

namespace PaxosStore.Node;

/// <summary>What is said about certificates.</summary>
internal static partial class Log
{
    [LoggerMessage(60, LogLevel.Information, "certificate replaced file={File} subject={Subject} valid-until={Until:u}")]
    public static partial void TlsReplaced(this ILogger log, string file, string subject, DateTime until);

    [LoggerMessage(61, LogLevel.Warning, "TLS files have changed but can't be used, the last good ones stay in force: {Reason}")]
    public static partial void TlsKept(this ILogger log, string reason);

    [LoggerMessage(62, LogLevel.Warning,
        "the certificate is not valid now, others will refuse it: write a new one file={File} valid-from={From:u} valid-until={Until:u}")]
    public static partial void TlsOutOfTime(this ILogger log, string file, DateTime from, DateTime until);

    [LoggerMessage(63, LogLevel.Warning, "certificate refused from={Remote} subject={Subject}: {Reason}")]
    public static partial void CertificateRefused(this ILogger log, string remote, string subject, string reason);

    [LoggerMessage(64, LogLevel.Warning,
        "the certificate in {File} has been replaced, but peers are shown the old one until this node is restarted: restart the members one after another")]
    public static partial void PeerCertificateStale(this ILogger log, string file);

    [LoggerMessage(65, LogLevel.Warning, "a handshake on the peers' port failed {Where}: {Reason}")]
    public static partial void HandshakeFailed(this ILogger log, string where, string reason);
}
