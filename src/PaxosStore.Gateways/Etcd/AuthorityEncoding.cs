using System.Buffers;
using System.Text;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// Reads the <c>:authority</c> that Go clients send. Some send no host there but the endpoint as the operator wrote it (<c>http://host:2379</c>, in
/// etcdctl's maintenance calls), their list of endpoints (<c>#initially=[host:2379]</c>) or the path of a socket, and etcd does not look at it. The web
/// server does: it resets streams whose authority is no host. As nothing here depends on the name a client knows the server by, whatever is no
/// host is read as <see cref="Stand"/>.
/// </summary>
internal sealed class AuthorityEncoding : Encoding
{
    /// <summary>The name of the header.</summary>
    private const string Header = ":authority";

    /// <summary>What stands for an authority that is no host.</summary>
    private const string Stand = "localhost";

    private static readonly AuthorityEncoding Instance = new();
    private static readonly SearchValues<byte> HostBytes =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"u8);

    /// <summary>Chooses how a header's bytes are read; null leaves it to the web server.</summary>
    internal static Encoding? Select(string header) => header == Header ? Instance : null;

    /// <inheritdoc/>
    public override int GetCharCount(byte[] bytes, int index, int count) => IsHost(bytes.AsSpan(index, count)) ? count : Stand.Length;

    /// <inheritdoc/>
    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        var source = bytes.AsSpan(byteIndex, byteCount);
        if (IsHost(source)) return ASCII.GetChars(source, chars.AsSpan(charIndex));
        Stand.CopyTo(chars.AsSpan(charIndex));
        return Stand.Length;
    }

    /// <inheritdoc/>
    public override int GetMaxCharCount(int byteCount) => Math.Max(byteCount, Stand.Length);

    /// <inheritdoc/>
    public override int GetByteCount(char[] chars, int index, int count) => ASCII.GetByteCount(chars, index, count);

    /// <inheritdoc/>
    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        ASCII.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    /// <inheritdoc/>
    public override int GetMaxByteCount(int charCount) => ASCII.GetMaxByteCount(charCount);

    private static bool IsHost(ReadOnlySpan<byte> authority) => !authority.ContainsAnyExcept(HostBytes);
}
