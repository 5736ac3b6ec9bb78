using Microsoft.Extensions.Logging;
using PaxosStore.Consensus;
using PaxosStore.Node.Storage;

namespace PaxosStore.Node;

/// <summary>The node's directory: held by one process at a time; what the node stores lies in it, unless that is a database elsewhere.</summary>
internal sealed class DataDirectory : IDisposable
{
    // Pages per slice, and the pause after it: a slice is one short write.
    private const int SlicePages = 64;
    private static readonly TimeSpan SlicePause = TimeSpan.FromMilliseconds(20);

    private readonly FileStream _lock;
    private readonly SemaphoreSlim _givingBack = new(1);

    private DataDirectory(string path, FileStream lockFile, INodeStorage storage) => (Path, _lock, Storage) = (path, lockFile, storage);

    public string Path { get; }

    /// <summary>Journal and snapshots.</summary>
    public INodeStorage Storage { get; private set; }

    /// <exception cref="NodeStartupException">Not writable, in use by another process, or not durable.</exception>
    public static DataDirectory Open(NodeSettings settings, ILogger log)
    {
        var path = settings.DataDirectory;
        var lockFile = Lock(path);
        try
        {
            INodeStorage storage = settings.StorageProvider == StorageProvider.PostgreSql
                ? PostgresStorage.Open(settings.StorageConnection, new NodeId(settings.MemberId))
                : SqliteStorage.Open(path, log);
            return new DataDirectory(path, lockFile, storage);
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }
    }

    /// <summary>Puts a damaged journal out of the way and begins a fresh one; returns where the damaged one is.</summary>
    /// <exception cref="NodeStartupException">It can't be moved, or no fresh one can be made.</exception>
    public string SetJournalAside(ILogger log)
    {
        var (aside, reopened) = Storage.SetJournalAside(log);
        Storage = reopened;
        return aside;
    }

    /// <summary>Gives free space back to the file system, slice by slice.</summary>
    public async Task GiveBackAsync(CancellationToken cancellation)
    {
        if (!await _givingBack.WaitAsync(0, cancellation).ConfigureAwait(false)) return;
        try
        {
            while (!cancellation.IsCancellationRequested && Storage.Vacuum(SlicePages) > 0) await Task.Delay(SlicePause, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The rest follows after the next cut.
        }
        finally
        {
            _givingBack.Release();
        }
    }

    public void Dispose()
    {
        Storage.Dispose();
        _lock.Dispose();
    }

    private static FileStream Lock(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
            return new FileStream(System.IO.Path.Combine(path, "LOCK"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new NodeStartupException($"data directory {path} is not writable ({e.Message}): fix its permissions or choose another with --data-dir");
        }
        catch (IOException e)
        {
            throw new NodeStartupException($"data directory {path} is in use by another process or can't be opened ({e.Message}): stop that process or choose another directory with --data-dir");
        }
    }
}
