using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>
/// Hashes passwords and checks them. bcrypt is slow on purpose: a few run at a time, a bounded number waits, and who has shown the right password lately
/// is known by a keyed digest of it, so that signing in again and again costs little.
/// </summary>
internal sealed class Passwords(IOptions<EtcdDoorOptions> options) : IDisposable
{
    private const int MostBytes = 72;
    private const int MostKnown = 1024;
    private const int MostWaiting = 256;

    // Of this process alone: what is remembered is of use nowhere else.
    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);
    private readonly SemaphoreSlim slots = new(Math.Max(1, Environment.ProcessorCount - 1));
    private readonly Lock gate = new();
    private readonly Dictionary<string, byte[]> known = new(StringComparer.Ordinal);
    private readonly Queue<string> order = new();
    private int waiting;

    /// <summary>The hash that goes into the log.</summary>
    /// <exception cref="Grpc.Core.RpcException">The password is too long to count whole.</exception>
    internal Task<string> HashAsync(string password, CancellationToken cancellation)
    {
        if (Encoding.UTF8.GetByteCount(password) > MostBytes) throw EtcdErrors.PasswordTooLong;
        return RunAsync(() => BCrypt.Net.BCrypt.HashPassword(password, options.Value.BcryptCost), cancellation);
    }

    /// <summary>Whether the password is the one that was hashed.</summary>
    internal async ValueTask<bool> VerifyAsync(string password, string hash, CancellationToken cancellation)
    {
        var bytes = Encoding.UTF8.GetBytes(password);
        if (bytes.Length > MostBytes) return false;
        var digest = HMACSHA256.HashData(key, bytes);
        if (IsKnown(hash, digest)) return true;
        if (!await RunAsync(() => BCrypt.Net.BCrypt.Verify(password, hash), cancellation)) return false;
        Remember(hash, digest);
        return true;
    }

    private async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        try
        {
            if (Interlocked.Increment(ref waiting) > MostWaiting) throw new KvException(KvErrorCode.Overloaded);
            await slots.WaitAsync(cancellation);
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }

        try
        {
            return await Task.Run(work, cancellation);
        }
        finally
        {
            slots.Release();
        }
    }

    private bool IsKnown(string hash, byte[] digest)
    {
        lock (gate) return known.TryGetValue(hash, out var right) && CryptographicOperations.FixedTimeEquals(right, digest);
    }

    private void Remember(string hash, byte[] digest)
    {
        lock (gate)
        {
            if (!known.TryAdd(hash, digest)) return;
            order.Enqueue(hash);
            if (order.Count > MostKnown) known.Remove(order.Dequeue());
        }
    }

    public void Dispose() => slots.Dispose();
}
