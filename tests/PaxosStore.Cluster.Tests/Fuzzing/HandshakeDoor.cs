using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;

namespace PaxosStore.Cluster.Tests.Fuzzing;

/// <summary>Greetings of TLS that are cut, altered, repeated or no greetings at all, and handshakes that go wrong later; on the clients' port and on the peers'.</summary>
internal sealed class HandshakeDoor(Prey prey, byte[] hello) : Door
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly byte[][] Splinters = [[0x16, 3, 1], [0x15, 3, 3, 0, 2, 2, 40], [0x17, 3, 3], [0x80, 0x2E, 1, 0, 2], [0xFF, 0xFF]];

    public static async Task<HandshakeDoor> CreateAsync(Prey prey) => new(prey, await GreetingAsync());

    public override async Task<string?> AttackAsync(Random random)
    {
        var port = random.Next(2) == 0 ? prey.SecurePort : prey.Node.Ports.Peer;
        switch (random.Next(4))
        {
            case 0:
                await RawExchange.RunAsync(port, Damage.Noise(random, random.Next(1, 4000)), abort: random.Next(4) == 0);
                break;
            case 1:
                // Either side may rightly wait for the rest of a message that claims to be longer.
                await ShakeAsync(port, random);
                return null;
            default:
                await RawExchange.RunAsync(port, Damage.Do(hello, random, most: 6, Splinters), abort: random.Next(4) == 0);
                break;
        }

        return port == prey.SecurePort ? "a greeting to the clients' port" : "a greeting to the peers' port";
    }

    // A whole handshake of which one of the client's later messages is damaged, or the first bytes after it.
    private static async Task ShakeAsync(int port, Random random)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, port, limit.Token);
        await using var tls = new SslStream(new DamagingStream(tcp.GetStream(), random, message: random.Next(1, 4)));
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "127.0.0.1",
            RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
            EnabledSslProtocols = random.Next(2) == 0 ? SslProtocols.Tls12 : SslProtocols.Tls13,
        };
        try
        {
            await tls.AuthenticateAsClientAsync(options, limit.Token);
            await tls.WriteAsync(Damage.Noise(random, random.Next(1, 2000)), limit.Token);
            tcp.Client.Shutdown(SocketShutdown.Send);
            var buffer = new byte[4096];
            while (await tls.ReadAsync(buffer, limit.Token) > 0)
            {
            }
        }
        catch (Exception e) when (e is AuthenticationException or IOException or SocketException || (e is OperationCanceledException && limit.IsCancellationRequested))
        {
            tcp.LingerState = new LingerOption(true, 0);
        }
    }

    /// <summary>The bytes with which a real client begins.</summary>
    private static async Task<byte[]> GreetingAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var tcp = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
        await using var tls = new SslStream(tcp.GetStream());
        var shaking = tls.AuthenticateAsClientAsync("localhost");
        using var other = await listener.AcceptTcpClientAsync();
        var buffer = new byte[4096];
        var length = await other.GetStream().ReadAsync(buffer);
        other.Close();
        await Assert.ThrowsAnyAsync<Exception>(() => shaking);
        return buffer[..length];
    }

    /// <summary>Passes everything on, but damages what is written in one of the writes.</summary>
    private sealed class DamagingStream(Stream inner, Random random, int message) : Stream
    {
        private int _written;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush() => inner.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => inner.Write(Passed(buffer.AsMemory(offset, count)).Span);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(Passed(buffer), cancellationToken);

        private ReadOnlyMemory<byte> Passed(ReadOnlyMemory<byte> bytes) => _written++ == message ? Damage.Do(bytes.ToArray(), random, most: 4, Splinters) : bytes;
    }
}
