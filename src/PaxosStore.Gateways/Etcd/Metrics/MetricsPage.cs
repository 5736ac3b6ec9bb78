using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Metrics;

/// <summary>
/// <c>/metrics</c>, under the names that dashboards and alerts for etcd ask for, and <c>/debug/vars</c>. What has no meaning in this store is left out
/// rather than invented.
/// </summary>
internal sealed class MetricsPage(
    IKvStore store, IStoreAdmin admin, CallCounters calls, StoreInstruments instruments, IOptions<EtcdDoorOptions> options)
{
    internal async Task MetricsAsync(HttpContext http)
    {
        if (await EtcdHttp.RefusedAsync(http)) return;
        var text = new MetricsText();
        WriteStore(text);
        WriteStorage(text);
        WriteNetwork(text);
        WriteCalls(text);
        WriteProcess(text);
        http.Response.ContentType = MetricsText.ContentType;
        await http.Response.WriteAsync(text.ToString());
    }

    /// <summary>What Go's programs show there, as far as it exists here. The command line is not shown: it may hold a password.</summary>
    internal static async Task VarsAsync(HttpContext http)
    {
        if (await EtcdHttp.RefusedAsync(http)) return;
        var memory = GC.GetGCMemoryInfo();
        http.Response.ContentType = "application/json; charset=utf-8";
        await http.Response.WriteAsync(JsonSerializer.Serialize(new
        {
            cmdline = new[] { Path.GetFileName(Environment.ProcessPath) },
            memstats = new { Alloc = GC.GetTotalMemory(false), TotalAlloc = GC.GetTotalAllocatedBytes(), Sys = memory.TotalCommittedBytes, NumGC = memory.Index },
        }));
    }

    private void WriteStore(MetricsText text)
    {
        var (status, version) = (store.Status, options.Value);
        text.Gauge("etcd_cluster_version", "Which version the cluster speaks.", 1, $"cluster_version=\"{version.ClusterVersion[..version.ClusterVersion.LastIndexOf('.')]}\"");
        text.Gauge("etcd_server_version", "Which version this server speaks.", 1, $"server_version=\"{version.ReportedVersion}\"");
        text.Gauge("etcd_server_id", "Identity of this member.", 1, string.Create(CultureInfo.InvariantCulture, $"server_id=\"{status.MemberId:x}\""));
        text.Gauge("etcd_server_has_leader", "Whether a leader is known.", status.LeaderId == 0 ? 0 : 1);
        text.Gauge("etcd_server_is_leader", "Whether this member leads.", status.LeaderId != 0 && status.LeaderId == status.MemberId ? 1 : 0);
        text.Gauge("etcd_server_is_learner", "Whether this member has no vote.", status.IsObserver ? 1 : 0);
        text.Counter("etcd_server_leader_changes_seen_total", "Leaders this member came to know.", instruments.LeaderChanges.Value);
        text.Gauge("etcd_server_proposals_committed_total", "Log entries known to be chosen.", status.ChosenSlot);
        text.Gauge("etcd_server_proposals_applied_total", "Log entries applied.", status.AppliedSlot);
        text.Gauge("etcd_server_proposals_pending", "Writes that wait on this member.", instruments.ProposalsPending.Value);
        text.Counter("etcd_server_proposals_failed_total", "Writes that could not be decided.", instruments.ProposalsFailed.Value);
        text.Gauge("etcd_server_quota_backend_bytes", "Quota of storage; 0 is none.", admin.QuotaBytes);
    }

    private void WriteStorage(MetricsText text)
    {
        var (status, view) = (store.Status, store.View);
        var all = new KeyRange(new byte[1], ReadOnlyMemory<byte>.Empty);
        text.Gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes the storage occupies.", status.StorageBytes);
        text.Gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of it that hold live data.", status.StorageBytesInUse);
        text.Gauge("etcd_debugging_mvcc_keys_total", "Keys.", view.Range(new RangeOp(all) { CountOnly = true }).Count);
        text.Gauge("etcd_debugging_mvcc_current_revision", "Revision of the store.", view.Revision);
        text.Gauge("etcd_debugging_mvcc_compact_revision", "Revision of the last compaction.", view.CompactRevision);
        text.Head("etcd_disk_wal_fsync_duration_seconds", "How long writes to the journal took, until they were on disk.", "histogram");
        text.Samples("etcd_disk_wal_fsync_duration_seconds", "", instruments.JournalWrites);
    }

    private void WriteNetwork(MetricsText text)
    {
        text.Counter("etcd_network_client_grpc_received_bytes_total", "Bytes of messages from clients.", calls.Received);
        text.Counter("etcd_network_client_grpc_sent_bytes_total", "Bytes of messages to clients.", calls.Sent);
        text.Counter("etcd_network_peer_received_bytes_total", "Bytes of messages from the other members.", instruments.PeersReceived.Value);
        text.Counter("etcd_network_peer_sent_bytes_total", "Bytes of messages to the other members.", instruments.PeersSent.Value);
    }

    private void WriteCalls(MetricsText text)
    {
        MethodCalls[] methods = [.. calls.Methods];
        text.Head("grpc_server_started_total", "Calls begun.", "counter");
        foreach (var method in methods) text.Sample("grpc_server_started_total", Labels(method), method.Started);
        text.Head("grpc_server_handled_total", "Calls ended, by outcome.", "counter");
        foreach (var method in methods)
        {
            for (var code = 0; code < method.Handled.Count; code++)
            {
                if (method.Handled[code] > 0) text.Sample("grpc_server_handled_total", $"grpc_code=\"{GoName((StatusCode)code)}\",{Labels(method)}", method.Handled[code]);
            }
        }

        text.Head("grpc_server_handling_seconds", "How long calls took.", "histogram");
        foreach (var method in methods) text.Samples("grpc_server_handling_seconds", Labels(method), method.Durations);
    }

    private static void WriteProcess(MetricsText text)
    {
        using var process = Process.GetCurrentProcess();
        text.Counter("process_cpu_seconds_total", "Processor time used.", process.TotalProcessorTime.TotalSeconds);
        text.Gauge("process_resident_memory_bytes", "Resident memory.", process.WorkingSet64);
        text.Gauge("process_virtual_memory_bytes", "Virtual memory.", process.VirtualMemorySize64);
        text.Gauge("process_start_time_seconds", "When the process started, in Unix time.", new DateTimeOffset(process.StartTime.ToUniversalTime()).ToUnixTimeMilliseconds() / 1e3);
        if (!OperatingSystem.IsLinux()) return;
        text.Gauge("process_open_fds", "Open files and sockets.", Directory.EnumerateFileSystemEntries("/proc/self/fd").Count());
        var limit = File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith("Max open files", StringComparison.Ordinal));
        if (limit?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, var soft, ..] && double.TryParse(soft, CultureInfo.InvariantCulture, out var most))
        {
            text.Gauge("process_max_fds", "Most of them there may be.", most);
        }
    }

    private static string Labels(MethodCalls method)
    {
        var type = method.Type switch
        {
            MethodType.Unary => "unary",
            MethodType.ServerStreaming => "server_stream",
            MethodType.ClientStreaming => "client_stream",
            _ => "bidi_stream",
        };
        var slash = method.Name.LastIndexOf('/');
        return $"grpc_method=\"{method.Name[(slash + 1)..]}\",grpc_service=\"{method.Name[1..slash]}\",grpc_type=\"{type}\"";
    }

    private static string GoName(StatusCode code) => code == StatusCode.Cancelled ? "Canceled" : code.ToString();
}
