using System.Text.Json;
using System.Text.Json.Nodes;

namespace PaxosStore.Cluster.Tests.History;

/// <summary>
/// Histories as JSON lines: <c>{"i":n,"client":c,"door":"etcd","op":..,"args":..,"call":ns,"ret":ns|null,"st":"ok|fail|info","rev":r,"res":..,"node":m}</c>.
/// What was recorded can be read back and judged again.
/// </summary>
public static class HistoryFile
{
    private static readonly JsonSerializerOptions Args = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes one operation per line.</summary>
    public static void Save(string path, IEnumerable<Operation> operations) =>
        File.WriteAllLines(path, operations.Select(o => ToJson(o).ToJsonString(Args)));

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    public static IReadOnlyList<Operation> Load(string path) => [.. File.ReadLines(path).Select(l => FromJson(JsonNode.Parse(l)!.AsObject()))];

    private static JsonObject ToJson(Operation o) => new()
    {
        ["i"] = o.Id,
        ["client"] = o.Client,
        ["door"] = "etcd",
        ["op"] = Name(o.Kind),
        ["args"] = WithoutNulls(new JsonObject
        {
            ["key"] = o.Key.Length == 0 ? null : o.Key,
            ["value"] = o.Value,
            ["expected"] = o.Expected,
            ["serializable"] = o.Serializable ? true : null,
            ["lease"] = o.Lease == 0 ? null : o.Lease,
        }),
        ["call"] = o.Call,
        ["ret"] = o.Return == Operation.Never ? null : o.Return,
        ["st"] = o.Outcome switch { Outcome.Ok => "ok", Outcome.Fail => "fail", _ => "info" },
        ["rev"] = o.Revision,
        ["res"] = WithoutNulls(new JsonObject
        {
            ["done"] = o.Succeeded ? true : null,
            ["seen"] = o.Seen,
            ["all"] = o.SeenAll is null ? null : new JsonArray([.. o.SeenAll.Select(p => (JsonNode)new JsonArray(p.Key, p.Value))]),
            ["ttl"] = o.Ttl == 0 ? null : o.Ttl,
            ["error"] = o.Error,
        }),
        ["node"] = o.Node,
    };

    private static Operation FromJson(JsonObject line)
    {
        var args = line["args"]!.AsObject();
        var result = line["res"]!.AsObject();
        return new Operation
        {
            Id = (long)line["i"]!,
            Client = (int)line["client"]!,
            Node = (string)line["node"]!,
            Kind = Enum.GetValues<OperationKind>().Single(k => Name(k) == (string)line["op"]!),
            Key = (string?)args["key"] ?? "",
            Value = (string?)args["value"],
            Expected = (string?)args["expected"],
            Serializable = (bool?)args["serializable"] ?? false,
            Lease = (long?)args["lease"] ?? 0,
            Call = (long)line["call"]!,
            Return = (long?)line["ret"] ?? Operation.Never,
            Outcome = (string)line["st"]! switch { "ok" => Outcome.Ok, "fail" => Outcome.Fail, _ => Outcome.Info },
            Revision = (long)line["rev"]!,
            Succeeded = (bool?)result["done"] ?? false,
            Seen = (string?)result["seen"],
            SeenAll = result["all"]?.AsArray().Select(p => KeyValuePair.Create((string)p![0]!, (string)p[1]!)).ToArray(),
            Ttl = (long?)result["ttl"] ?? 0,
            Error = (string?)result["error"],
        };
    }

    private static string Name(OperationKind kind) => kind switch
    {
        OperationKind.Get => "get",
        OperationKind.Range => "range",
        OperationKind.Put => "put",
        OperationKind.CompareAndSet => "cas",
        OperationKind.Delete => "delete",
        OperationKind.LeaseGrant => "lease-grant",
        OperationKind.LeaseKeepAlive => "lease-keepalive",
        _ => "lease-revoke",
    };

    private static JsonObject WithoutNulls(JsonObject all)
    {
        foreach (var name in all.Where(p => p.Value is null).Select(p => p.Key).ToArray())
            all.Remove(name);
        return all;
    }
}
