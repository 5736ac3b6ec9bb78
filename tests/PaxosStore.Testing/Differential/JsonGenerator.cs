using System.Text;

namespace PaxosStore.Testing.Differential;

/// <summary>Random requests about few keys, in every spelling JSON allows.</summary>
public sealed class JsonGenerator(Random random)
{
    /// <summary>The next one.</summary>
    public (string Path, string Body) Next() => random.Next(10) switch
    {
        < 4 => ("/v3/kv/put", Put()),
        < 6 => ("/v3/kv/range", Range()),
        6 => ("/v3/kv/deleterange", Delete()),
        _ => ("/v3/kv/txn", Txn(depth: 0)),
    };

    private string Put() => Object(("key", Key()), ("value", Bytes(random.Next(20))), Maybe(Name("prev_kv", "prevKv"), Flag()));

    private string Range() => Object(
        ("key", Key()), Maybe(Name("range_end", "rangeEnd"), Key()), Maybe("limit", Number(random.Next(4))), Maybe(Name("keys_only", "keysOnly"), Flag()),
        Maybe(Name("count_only", "countOnly"), Flag()), Maybe(Name("sort_order", "sortOrder"), Choice("NONE", "ASCEND", "DESCEND")), Maybe("revision", Number(random.Next(30))));

    private string Delete() => Object(("key", Key()), Maybe(Name("range_end", "rangeEnd"), Key()), Maybe("prev_kv", Flag()));

    private string Txn(int depth) => Object(
        Maybe("compare", List(Compare)), Maybe("success", List(() => Operation(depth))), Maybe("failure", List(() => Operation(depth))));

    private string Compare() => Object(
        ("result", Choice("EQUAL", "GREATER", "LESS", "NOT_EQUAL")), ("key", Key()),
        random.Next(3) switch
        {
            0 => ("version", Number(random.Next(3))),
            1 => (Name("mod_revision", "modRevision"), Number(random.Next(30))),
            _ => (Name("create_revision", "createRevision"), Number(random.Next(30))),
        },
        ("target", Choice("VERSION", "CREATE", "MOD")));

    private string Operation(int depth) => random.Next(depth > 1 ? 3 : 4) switch
    {
        0 => Object((Name("request_range", "requestRange"), Range())),
        1 => Object((Name("request_put", "requestPut"), Put())),
        2 => Object((Name("request_delete_range", "requestDeleteRange"), Delete())),
        _ => Object((Name("request_txn", "requestTxn"), Txn(depth + 1))),
    };

    private string Object(params (string Name, string Value)[] fields)
    {
        var text = new StringBuilder("{");
        foreach (var (name, value) in fields.Where(field => field.Name.Length > 0))
        {
            if (text.Length > 1) text.Append(Blank()).Append(',');
            text.Append(Blank()).Append('"').Append(name).Append("\":").Append(Blank()).Append(value);
        }

        return text.Append(Blank()).Append('}').ToString();
    }

    private string List(Func<string> item) => "[" + string.Join(',', Enumerable.Range(0, random.Next(3)).Select(_ => item())) + "]";

    private (string Name, string Value) Maybe(string name, string value) => random.Next(3) == 0 ? ("", "") : (name, random.Next(12) == 0 ? "null" : value);

    private string Name(string proto, string camel) => random.Next(2) == 0 ? proto : camel;

    private string Choice(params string[] names)
    {
        var choice = random.Next(names.Length);
        return random.Next(2) == 0 ? $"\"{names[choice]}\"" : $"{choice}";
    }

    private string Number(int value) => random.Next(2) == 0 ? $"{value}" : $"\"{value}\"";

    private string Flag() => random.Next(2) == 0 ? "true" : "false";

    private string Key() => $"\"{Convert.ToBase64String([(byte)('a' + random.Next(5))])}\"";

    private string Bytes(int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return $"\"{Convert.ToBase64String(bytes)}\"";
    }

    private string Blank() => random.Next(8) == 0 ? " \n" : "";
}
