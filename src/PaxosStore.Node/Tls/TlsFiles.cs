using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace PaxosStore.Node.Tls;

/// <summary>
/// The files of one kind of port. They are read again when a handshake asks for them and their contents have changed, so certificates are replaced without
/// a restart; contents that can't be used leave the last good ones in force.
/// </summary>
public sealed class TlsFiles
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private TlsMaterial _current;
    private byte[] _digest;
    private long _looked;

    private TlsFiles(TlsSettings settings, ILogger log, TimeProvider time)
    {
        (Settings, _log, _time) = (settings, log, time);
        var contents = TlsContents.Read(settings);
        _digest = contents.Digest();
        _current = TlsMaterial.Parse(settings, contents);
        _looked = time.GetTimestamp();
        WarnOfValidity(_current);
    }

    /// <summary>What the operator said.</summary>
    public TlsSettings Settings { get; }

    /// <summary>What is in force.</summary>
    public TlsMaterial Current
    {
        get
        {
            if (_time.GetElapsedTime(Volatile.Read(ref _looked)) >= LookAgain && _gate.TryEnter())
            {
                try
                {
                    Look();
                }
                finally
                {
                    _gate.Exit();
                }
            }

            return Volatile.Read(ref _current);
        }
    }

    /// <summary>Reads the files.</summary>
    /// <exception cref="NodeStartupException">One is missing, or is not what its flag asks for.</exception>
    public static TlsFiles Open(TlsSettings settings, ILogger log, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(time);
        return new TlsFiles(settings, log, time);
    }

    private void Look()
    {
        try
        {
            var contents = TlsContents.Read(Settings);
            var digest = contents.Digest();
            if (!digest.AsSpan().SequenceEqual(_digest))
            {
                // Also when they turn out to be unusable: that is told once, not at every handshake.
                _digest = digest;
                var fresh = TlsMaterial.Parse(Settings, contents);
                Volatile.Write(ref _current, fresh);
                _log.TlsReplaced(Settings.CertFile, fresh.Certificate.Subject, fresh.Certificate.NotAfter.ToUniversalTime());
                WarnOfValidity(fresh);
            }
        }
        catch (NodeStartupException e)
        {
            Unusable(e.Message);
        }

        Volatile.Write(ref _looked, _time.GetTimestamp());
    }

    // A file that is missing has no contents to tell apart by.
    private void Unusable(string reason)
    {
        if (_lastTrouble == reason) return;
        _lastTrouble = reason;
        _log.TlsKept(reason);
    }

    private string? _lastTrouble;

    private void WarnOfValidity(TlsMaterial material)
    {
        _lastTrouble = null;
        var now = _time.GetUtcNow();
        var (from, until) = (material.Certificate.NotBefore.ToUniversalTime(), material.Certificate.NotAfter.ToUniversalTime());
        if (now < from || now > until) _log.TlsOutOfTime(Settings.CertFile, from, until);
    }
}

/// <summary>The bytes of the files.</summary>
internal sealed record TlsContents(byte[] Certificate, byte[] Key, byte[] Authorities, byte[] Revoked)
{
    /// <exception cref="NodeStartupException">One can't be read.</exception>
    public static TlsContents Read(TlsSettings settings) => new(
        Read(settings, "cert-file", settings.CertFile), Read(settings, "key-file", settings.KeyFile),
        Read(settings, "trusted-ca-file", settings.TrustedCaFile), Read(settings, "crl-file", settings.CrlFile));

    public byte[] Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in (byte[][])[Certificate, Key, Authorities, Revoked])
        {
            hash.AppendData(BitConverter.GetBytes(part.Length));
            hash.AppendData(part);
        }

        return hash.GetHashAndReset();
    }

    private static byte[] Read(TlsSettings settings, string name, string path)
    {
        if (path.Length == 0) return [];
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new NodeStartupException($"{settings.Flag(name)}: can't read {path} ({e.Message}): name a file that exists and that this user may read");
        }
    }
}
