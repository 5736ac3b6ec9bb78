using Etcdserverpb;

namespace PaxosStore.Testing.Differential;

/// <summary>Every difference from etcd 3.4 that is meant, with its reason. Whatever is not listed here fails the comparison.</summary>
internal static class NamedExceptions
{
    /// <summary>
    /// etcd leaves the header's revision at zero when it cancels a watcher whose revision is compacted; here it is the current revision, as in every
    /// other header. Clients read <c>compact_revision</c>.
    /// </summary>
    internal static void CompactedWatchHeader(WatchResponse reference, WatchResponse tested, Report report)
    {
        if (reference.CompactRevision == 0 || reference.Header.Equals(tested.Header)) return;
        report.Except(nameof(CompactedWatchHeader));
        reference.Header = tested.Header;
    }
}
