using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>Every command of etcdctl 3.4, in an order in which each finds what it needs, beside the <see cref="EtcdctlScript"/>.</summary>
internal static class EtcdctlCommands
{
    /// <summary>Commands that are not compared, and why.</summary>
    public static IReadOnlyDictionary<string, string> NotCompared { get; } = new Dictionary<string, string>
    {
        ["migrate"] = "moves data of etcd's version 2 between files, asks no server",
        ["snapshot status"] = "reads a file of etcd's database; paxosctl snapshot status reads a backup of this store",
        ["snapshot restore"] = "reads a file of etcd's database; paxosctl snapshot restore restores a backup of this store",
    };

    /// <summary>What takes a minute: run to its verdict only (PAXOSSTORE_ETCDCTL_CHECKS=1).</summary>
    public static IReadOnlyList<EtcdctlStep> Checks { get; } =
    [
        new(["check", "perf", "--load=s", "--auto-compact", "--auto-defrag"]),
        new(["check", "perf", "--load=m", "--auto-compact", "--auto-defrag"]),
        new(["check", "datascale", "--load=s", "--auto-compact", "--auto-defrag"]),
    ];

    /// <summary>All others.</summary>
    public static IReadOnlyList<EtcdctlStep> Steps { get; } =
        [.. KeyValues(), .. Transactions(), .. Watches(), .. Leases(), .. Recipes(), .. Maintenance(), .. Endpoints(), .. Members(), .. Users(), .. Local()];

    private static EtcdctlStep[] KeyValues() =>
    [
        new(["put", "k/a", "1"]), new(["put", "k/b", "2"]), new(["put", "k/c", "3"]), new(["put", "k/b", "4", "--prev-kv", "-w", "json"]),
        new(["put", "k/e", "5", "-w", "fields"]), new(["put", "k/e", "6", "-w", "table"]), new(["put", "k/z"], Input: "line 1\nline 2\n"),
        new(["put", "k/m", "--", "-1"]),
        new(["put"]), new(["put", "k/a", "1", "2", "3"]), new(["put", "k/a", "1", "--lease", "xyz"]), new(["put", "k/a", "1", "--ignore-value"]),
        new(["put", "k/a", "1", "--fly"]),
        new(["get", "k/", "--prefix", "--hex"]), new(["get", "k/", "--prefix", "--hex", "--keys-only"]), new(["get", "k/", "--prefix", "-w", "fields"]),
        new(["get", "k/a", "-w", "table"]), new(["get", "k/a", "-w", "xml"]), new(["get", "k/", "--prefix", "--print-value-only"]),
        new(["get", "k/", "--prefix", "--keys-only", "--print-value-only"]), new(["get", "k/a", "--consistency", "x"]), new(["get", "k/a", "k/c", "--prefix"]),
        new(["get", "k/", "--prefix", "--from-key"]), new(["get", "k/b", "--from-key"]), new(["get", "", "--from-key", "--limit", "2"]),
        new(["get", "", "--prefix", "--limit", "2"]),
        new(["get", "k/", "--prefix", "--sort-by", "CREATE"]), new(["get", "k/", "--prefix", "--sort-by", "KEY", "--order", "DESCEND"]),
        new(["get", "k/", "--prefix", "--sort-by", "VALUE", "--order", "DESCEND", "--limit", "2"]),
        new(["get", "k/", "--prefix", "--sort-by", "MODIFY", "--order", "ASCEND"]),
        new(["get", "k/", "--prefix", "--sort-by", "VERSION", "--order", "DESCEND", "--limit", "1"]), new(["get", "k/a", "--sort-by", "size"]),
        new(["get", "k/a", "--order", "up"]),
        new(["get", "k/", "--prefix", "--rev", "3"]), new(["get", "k/b", "--rev", "3", "-w", "json"]), new(["get"]), new(["get", "k/c", "k/a"]),
        new(["put", "zz/1", "x"]), new(["put", "zz/2", "y"]), new(["put", "zz/3", "z"]), new(["del", "zz/1", "zz/2", "--prev-kv"]),
        new(["del", "zz/", "--prefix", "--prev-kv", "-w", "fields"]),
        new(["put", "zz/4", "x"]), new(["del", "zz/", "--from-key", "--prev-kv"]), new(["del", "zz/", "--from-key", "--prefix"]),
        new(["del", "zz/", "--from-key", "-w", "table"]), new(["del"]),
    ];

    private static EtcdctlStep[] Transactions() =>
    [
        new(["txn", "--interactive"], Input: "mod(\"k/a\") > \"0\"\nver(\"k/a\") > \"0\"\n\nput k/t 1\nget k/a\n\nput k/t 2\n\n"),
        new(["txn", "-i"], Input: "value(\"k/t\") = \"1\"\nversion(\"k/t\") = \"1\"\n\ndel k/t\nget k/t\n\nget k/t\n\n"),
        new(["txn", "-i"], Input: "val(\"k/t\") < \"9\"\n\n\nput k/t \"quoted value\"\nget k/t --hex\n\n"),
        new(["txn", "-i"], Input: "lease(\"k/t\") = \"0\"\ncreate(\"k/t\") != \"0\"\n\nput k/t \"more words\"\n\n\n"),
        new(["txn", "-w", "fields"], Input: "\nget k/ --prefix --limit 2\nput k/t x --prev-kv\ndel k/t --prev-kv\n\n\n"),
        new(["txn", "-w", "table"], Input: "\nget k/a\n\n\n"),
        new(["txn"], Input: "nonsense\n\n\n\n"), new(["txn"], Input: "version(\"a\") ~ \"1\"\n\n\n\n"), new(["txn"], Input: "\nfly k/a\n\n\n"),
        new(["txn", "argument"]),
    ];

    private static EtcdctlStep[] Watches() =>
    [
        new(["watch", "k/", "--prefix", "--rev", "2", "--prev-kv"], IsWatch: true),
        new(["watch", "k/b", "--rev", "2", "-w", "fields"], IsWatch: true),
        new(["watch", "k/a", "k/c", "--rev", "2", "--hex"], IsWatch: true),
        new(["watch", "-i"], Input: "watch k/b --rev 2\n", IsWatch: true) { Seconds = 3 },
        new(["watch", "-i"], Input: "watch k/none\nprogress\n", IsWatch: true) { Seconds = 3 },
        new(["watch", "-i"], Input: "watch k/ --prefix --rev 2 --prev-kv\nprogress\n", IsWatch: true) { Meant = "progress never overtakes events" },
        new(["watch", "--interactive"], Input: "fly k/a\n", IsWatch: true),
        new(["watch", "-i"], Input: "watch --rev x k/a\n", IsWatch: true),
        new(["watch", "k/b", "--rev", "2", "--", "sh", "-c", "env | grep ^ETCD_WATCH_ | sort"], IsWatch: true),
        new(["watch", "-i"], Input: "watch k/b --rev 2 -- echo event\n", IsWatch: true) { Seconds = 3 },
        new(["watch"]), new(["watch", "a", "b", "c"], IsWatch: true), new(["watch", "k/", "--prefix", "k/x"], IsWatch: true),
    ];

    private static EtcdctlStep[] Leases() =>
    [
        new(["lease", "grant", "300"]), new(["lease", "grant", "x"]), new(["lease", "grant"]), new(["put", "k/leased", "1", "--lease=$LEASE"]),
        new(["lease", "keep-alive", "$LEASE"], IsWatch: true), new(["lease", "keep-alive", "$LEASE", "--once", "-w", "fields"]),
        new(["lease", "keep-alive", "xyz"]),
        new(["lease", "timetolive", "$LEASE", "--keys", "-w", "fields"]), new(["lease", "timetolive", "123456789abcdef"]), new(["lease", "timetolive"]),
        new(["lease", "list", "-w", "json"]), new(["lease", "list", "x"]), new(["lease", "revoke", "$LEASE"]), new(["lease", "revoke", "123456789abcdef"]),
        new(["lease", "revoke", "xyz"]), new(["get", "k/leased"]),
    ];

    private static EtcdctlStep[] Recipes() =>
    [
        new(["lock", "l"], IsWatch: true), new(["lock", "l", "--ttl", "5", "sh", "-c", "env | grep -c ^ETCD_LOCK_; exit 3"]),
        new(["lock", "l", "echo", "held"]), new(["lock"]), new(["lock", "l", "-w", "fields"], IsWatch: true),
        new(["get", "l/", "--prefix", "--keys-only"]),
        new(["elect", "e", "me"], IsWatch: true), new(["elect", "e", "me", "-w", "fields"], IsWatch: true), new(["elect", "--listen", "e"], IsWatch: true),
        new(["elect", "e"], IsWatch: true), new(["elect"]),
        new(["get", "e/", "--prefix", "--keys-only"]),
        new(["make-mirror", "--prefix", "k/", "--dest-prefix", "mirror/", "$ENDPOINT"], IsWatch: true) { Seconds = 3 }, new(["get", "mirror/", "--prefix"]),
        new(["make-mirror", "--prefix", "k/", "--no-dest-prefix", "--dest-prefix", "x", "$ENDPOINT"], IsWatch: true), new(["make-mirror"]),
    ];

    private static EtcdctlStep[] Maintenance() =>
    [
        new(["alarm", "list"]), new(["alarm", "disarm"]), new(["alarm", "list", "-w", "json"]) { Meant = "alarm replies have a header" },
        new(["alarm", "list", "x"]), new(["alarm", "disarm", "x"]),
        new(["defrag"]), new(["defrag"], AllEndpoints: true), new(["defrag", "--cluster"], Distinct: true),
        new(["get", "k/a", "-w", "json"]), new(["compaction", "5"]), new(["compaction", "$REVISION", "--physical"]), new(["compaction", "5", "--physical"]),
        new(["compaction", "x"]), new(["compaction"]), new(["get", "k/a", "--rev", "3"]), new(["watch", "k/", "--prefix", "--rev", "3"], IsWatch: true),
        new(["snapshot", "save", "$FILE"]), new(["snapshot", "save"]),
    ];

    private static EtcdctlStep[] Endpoints() =>
    [
        new(["endpoint", "health"]), new(["endpoint", "health", "--cluster"]), new(["endpoint", "health", "-w", "json"]),
        new(["endpoint", "health", "-w", "table"]),
        new(["endpoint", "status"]), new(["endpoint", "status", "--cluster"]), new(["endpoint", "status", "-w", "json"], AllEndpoints: true),
        new(["endpoint", "status", "-w", "fields"]),
        new(["endpoint", "status", "--cluster", "-w", "table"]),
        new(["endpoint", "hashkv"]), new(["endpoint", "hashkv", "--cluster"]), new(["endpoint", "hashkv", "-w", "json"]),
        new(["endpoint", "hashkv", "-w", "fields"]),
        new(["endpoint", "hashkv", "-w", "table"], AllEndpoints: true),
        new(["move-leader"]), new(["move-leader", "xyz"]), new(["move-leader", "$FOLLOWER"], AllEndpoints: true),
        new(["endpoint", "health"], AllEndpoints: true),
    ];

    private static EtcdctlStep[] Members() =>
    [
        new(["member", "list", "-w", "fields"]), new(["member", "list", "--hex", "-w", "simple"]),
        new(["member", "add", "late"]), new(["member", "add"]), new(["member", "add", "late", "--peer-urls", "nonsense"]),
        new(["member", "add", "late", "--learner", "--peer-urls", "http://127.0.0.1:9"]),
        new(["member", "add", "later", "--learner", "--peer-urls", "http://127.0.0.1:9"]) { Meant = "a member added twice within a second" },
        new(["member", "list", "-w", "table"]), new(["member", "promote", "$MEMBER"]), new(["member", "promote", "123456789abcdef"]),
        new(["member", "promote", "xyz"]),
        new(["member", "update", "$MEMBER"]), new(["member", "update", "123456789abcdef", "--peer-urls", "http://127.0.0.1:9"]),
        new(["member", "update", "$MEMBER", "--peer-urls", "http://127.0.0.1:99"]), new(["member", "remove", "$MEMBER"]), new(["member", "remove", "$MEMBER"]),
        new(["member", "remove", "123456789abcdef"]), new(["member", "remove"]), new(["member", "list"]),
    ];

    private static EtcdctlStep[] Users()
    {
        string[] root = ["--user", "root:secret"];
        string[] ann = ["--user", "ann", "--password", "pw"];
        return
        [
            new(["user", "add", "root:secret"]), new(["user", "add", "ann", "--interactive=false"], Input: "pw\n"),
            new(["user", "add", "bob", "--new-user-password", "pw"]),
            new(["user", "add", "cn", "--no-password"]), new(["role", "add", "r"]), new(["role", "grant-permission", "r", "readwrite", "k/", "--prefix"]),
            new(["role", "grant-permission", "r", "read", "zz", "--from-key"]), new(["role", "get", "r"]), new(["role", "list"]),
            new(["user", "grant-role", "ann", "r"]),
            new(["user", "get", "ann", "--detail"]), new(["user", "list"]), new(["auth", "enable"]), new(["get", "k/a"]), new([.. root, "get", "k/a"]),
            new([.. ann, "get", "k/a"]),
            new([.. ann, "put", "k/a", "9"]), new([.. ann, "put", "other", "9"]), new([.. ann, "member", "list"]), new([.. ann, "user", "list"]),
            new([.. ann, "watch", "other"], IsWatch: true),
            new([.. ann, "txn"], Input: "\nput k/a 10\nput other 1\n\n\n"), new([.. ann, "lease", "grant", "100"]),
            new([.. ann, "defrag"]) { Meant = "the code of a refused defragmentation" },
            new([.. root, "user", "passwd", "ann", "--interactive=false"], Input: "new\n"), new([.. ann, "get", "k/a"]),
            new(["--user", "ann:new", "get", "k/a"]),
            new([.. root, "role", "revoke-permission", "r", "zz", "--from-key"]), new([.. root, "role", "revoke-permission", "r", "zz", "--from-key"]),
            new([.. root, "user", "revoke-role", "ann", "r"]),
            new(["--user", "ann:new", "get", "k/a"]), new([.. root, "role", "delete", "r"]), new([.. root, "user", "delete", "bob"]),
            new([.. root, "user", "get", "bob"]),
            new([.. root, "endpoint", "health"]), new([.. root, "auth", "disable"]), new(["get", "k/a"]),
        ];
    }

    // These ask no server; they are here so that the list is whole.
    private static EtcdctlStep[] Local() =>
    [
        new(["version"]), new(["help"]), new(["completion", "bash"]), new(["completion", "fish"]), new(["completion", "powershell"]),
        new(["completion", "zsh"]), new(["fly"]),
    ];
}
