using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace PaxosStore.Node.Tls;

/// <summary>Certificates an authority has taken back (RFC 5280, section 5), by issuer and serial number.</summary>
internal sealed class RevocationList
{
    private const string Label = "X509 CRL";
    private readonly HashSet<string> _revoked;

    private RevocationList(HashSet<string> revoked) => _revoked = revoked;

    public static RevocationList Empty { get; } = new([]);

    /// <summary>Whether the certificate was taken back by its issuer.</summary>
    public bool Contains(X509Certificate2 certificate) =>
        _revoked.Count > 0 && _revoked.Contains(Key(certificate.IssuerName.RawData, certificate.SerialNumberBytes.Span));

    /// <summary>Reads lists in PEM form, or one in DER.</summary>
    /// <exception cref="NodeStartupException">The file holds none.</exception>
    public static RevocationList Parse(string flag, string path, byte[] content)
    {
        var revoked = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var lists = content is [0x30, ..] ? [content] : FromPem(Encoding.Latin1.GetString(content)).ToArray();
            if (lists.Length == 0) throw new NodeStartupException($"{flag}: {path} holds no revocation list; one begins with -----BEGIN {Label}-----");
            foreach (var list in lists) Read(list, revoked);
            return new RevocationList(revoked);
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException or FormatException)
        {
            throw new NodeStartupException($"{flag}: a revocation list in {path} can't be read ({e.Message}): write it anew, with openssl ca -gencrl");
        }
    }

    private static IEnumerable<byte[]> FromPem(string text)
    {
        for (var rest = text; PemEncoding.TryFind(rest, out var fields); rest = rest[fields.Location.End..])
        {
            if (rest[fields.Label] == Label) yield return Convert.FromBase64String(rest[fields.Base64Data]);
        }
    }

    private static void Read(byte[] list, HashSet<string> revoked)
    {
        var body = new AsnReader(list, AsnEncodingRules.DER).ReadSequence().ReadSequence();
        if (body.PeekTag().HasSameClassAndValue(Asn1Tag.Integer)) body.ReadInteger();
        body.ReadSequence();
        var issuer = body.ReadEncodedValue().ToArray();
        body.ReadEncodedValue();
        if (body.HasData && IsTime(body.PeekTag())) body.ReadEncodedValue();
        if (!body.HasData || !body.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence)) return;
        for (var entries = body.ReadSequence(); entries.HasData;)
        {
            revoked.Add(Key(issuer, entries.ReadSequence().ReadIntegerBytes().Span));
        }
    }

    private static bool IsTime(Asn1Tag tag) => tag.HasSameClassAndValue(Asn1Tag.UtcTime) || tag.HasSameClassAndValue(Asn1Tag.GeneralizedTime);

    // Numbers may carry leading zeros, which do not make another number.
    private static string Key(ReadOnlySpan<byte> issuer, ReadOnlySpan<byte> serial) =>
        $"{Convert.ToHexString(issuer)}/{Convert.ToHexString(serial.TrimStart((byte)0))}";
}
