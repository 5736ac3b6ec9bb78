using System.Buffers.Binary;

namespace PaxosStore.Kv;

/// <summary>
/// 128-bit hashes of single parts of the state, made to be added up: the sum over a set does not depend on its order, and a change of one member costs
/// one subtraction and one addition. The sum stands in snapshots: what is hashed and how can never change. Two lanes of multiply-and-fold, meant to find
/// differences that happen, not ones that are made on purpose.
/// </summary>
internal struct StateHash
{
    private const ulong K0 = 0xA0761D6478BD642F;
    private const ulong K1 = 0xE7037ED1A0B428DB;
    private const ulong K2 = 0x8EBC6AF09C88C6E3;
    private const ulong K3 = 0x589965CC75374CC3;

    private ulong _a;
    private ulong _b;

    private StateHash(ulong kind) => (_a, _b) = (kind ^ K1, kind ^ K3);

    /// <summary>Everything a live version holds.</summary>
    public static UInt128 Of(KeyVersion version)
    {
        var hash = new StateHash(1);
        hash.Add((ulong)version.Key.Length, (ulong)version.Value.Length);
        hash.Add((ulong)version.CreateRevision, (ulong)version.ModRevision);
        hash.Add((ulong)version.Version, (ulong)version.Lease);
        hash.Add((ulong)version.CreatedAtUnixMs, (ulong)version.ModifiedAtUnixMs);
        if (version.Attributes is { } attributes)
        {
            hash.Add(attributes.Flags, (ulong)attributes.LockIndex);
            hash.Add((ulong)attributes.DataVersion, (ulong)attributes.AccessListId);
        }

        hash.Add(version.Key);
        hash.Add(version.Value.Span);
        return hash.End();
    }

    /// <summary>A key lease without its keys, which name it themselves.</summary>
    public static UInt128 Of(KeyLease lease)
    {
        var hash = new StateHash(2);
        hash.Add((ulong)lease.Id, (ulong)lease.TtlSeconds);
        hash.Add((ulong)lease.Deadline.Ticks, 0);
        return hash.End();
    }

    /// <summary>A token.</summary>
    public static UInt128 Of(string id, AuthToken token)
    {
        var hash = new StateHash(4);
        hash.Add((ulong)id.Length, (ulong)token.User.Length);
        hash.Add((ulong)token.TtlSeconds, (ulong)token.Deadline.Ticks);
        hash.Add(ByteWriter.StrictUtf8.GetBytes(id));
        hash.Add(ByteWriter.StrictUtf8.GetBytes(token.User));
        return hash.End();
    }

    /// <summary>Users and roles as a snapshot writes them.</summary>
    public static UInt128 OfAuth(ReadOnlySpan<byte> records)
    {
        var hash = new StateHash(5);
        hash.Add((ulong)records.Length, 0);
        hash.Add(records);
        return hash.End();
    }

    /// <summary>A sum of the above with the counters beside it.</summary>
    public static UInt128 Of(UInt128 sum, long revision, long compactRevision, long logTimeTicks, long dataBytes)
    {
        var hash = new StateHash(3);
        hash.Add((ulong)sum, (ulong)(sum >> 64));
        hash.Add((ulong)revision, (ulong)compactRevision);
        hash.Add((ulong)logTimeTicks, (ulong)dataBytes);
        return hash.End();
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= 16; bytes = bytes[16..])
            Add(BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]));
        if (bytes.IsEmpty) return;

        // Zeros at the end are told apart by the lengths, which come first.
        Span<byte> rest = stackalloc byte[16];
        rest.Clear();
        bytes.CopyTo(rest);
        Add(BinaryPrimitives.ReadUInt64LittleEndian(rest), BinaryPrimitives.ReadUInt64LittleEndian(rest[8..]));
    }

    private void Add(ulong x, ulong y) => (_a, _b) = (Fold(x ^ _a, y ^ K0), Fold(y ^ _b, x ^ K2));

    private readonly UInt128 End() => new(Fold(_a ^ K1, _b ^ K2), Fold(_b ^ K3, _a ^ K0));

    private static ulong Fold(ulong x, ulong y) => Math.BigMul(x, y, out var low) ^ low;
}
