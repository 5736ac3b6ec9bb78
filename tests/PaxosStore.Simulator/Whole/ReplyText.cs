using System.Text;
using PaxosStore.Kv;

namespace PaxosStore.Simulator.Whole;

/// <summary>Answers as text, so that what the store says and what the model expects can be compared and shown.</summary>
internal static class ReplyText
{
    public static string Text(ReadOnlyMemory<byte> bytes) => Encoding.Latin1.GetString(bytes.Span);

    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    public static string KeyValue(string key, string value, long create, long mod, long version, long lease) =>
        lease == 0 ? $"{key}={value}@{mod}/{create}v{version}" : $"{key}={value}@{mod}/{create}v{version}L{lease}";

    public static string Range(IEnumerable<string> kvs, bool more, long count) => $"range {count}{(more ? "+" : "")} [{string.Join(' ', kvs)}]";

    public static string Put(string? previous) => previous is null ? "put" : $"put before {previous}";

    public static string Delete(long count, IEnumerable<string> previous) => $"deleted {count} [{string.Join(' ', previous)}]";

    public static string Txn(bool holds, IEnumerable<string> replies) => $"{(holds ? "then" : "else")} ({string.Join("; ", replies)})";

    public static string Reply(string what, long revision, ulong term) => $"{what} at {revision} in {term}";

    public static string Refused(KvErrorCode code) => $"refused {code}";

    public static string Granted(long id, long ttl) => $"granted {id} for {ttl}";

    public static string Revoked(long keys) => $"revoked {keys}";

    public static string Kept(IEnumerable<long> ttls) => $"kept {string.Join(' ', ttls)}";

    public const string Done = "done";

    // What the store says.

    public static string Of(KeyValue kv) => KeyValue(Text(kv.Key), Text(kv.Value), kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease);

    public static string Of(KvOpResult result) => result switch
    {
        RangeResult r => Range(r.Kvs.Select(Of), r.More, r.Count),
        PutResult r => Put(r.Previous is { } previous ? Of(previous) : null),
        DeleteRangeResult r => Delete(r.Deleted, r.Previous.Select(Of)),
        TxnResult r => Txn(r.Succeeded, r.Responses.Select(Of)),
        _ => throw new InvalidOperationException($"no text for {result.GetType().Name}"),
    };

    public static string Of(KvResult result) => Reply(
        result switch
        {
            WriteResult r => Of(r.Op),
            DoneResult => Done,
            LeaseGrantResult r => Granted(r.Id, r.TtlSeconds),
            LeaseRevokeResult r => Revoked(r.DeletedKeys),
            LeaseKeepAliveResult r => Kept(r.TtlSeconds),
            RefusedResult r => Refused(r.Code),
            _ => throw new InvalidOperationException($"no text for {result.GetType().Name}"),
        },
        result.Revision,
        result.Term);
}
