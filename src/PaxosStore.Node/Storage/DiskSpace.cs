namespace PaxosStore.Node.Storage;

/// <summary>Room on the disk of a directory, looked up a few times a second: a node that stops writing in time needs no repair.</summary>
internal sealed class DiskSpace(TimeProvider time, Func<long> available)
{
    /// <summary>Never filled: SQLite needs room for its own log, and the operator to work.</summary>
    public const long Reserve = 8 << 20;

    private static readonly TimeSpan Age = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private long _available;
    private long? _lookedUp;

    public DiskSpace(string directory, TimeProvider time) : this(time, () => new DriveInfo(directory).AvailableFreeSpace)
    {
    }

    /// <summary>Whether that many bytes can be written and the reserve stays.</summary>
    public bool HasRoom(long bytes)
    {
        lock (_gate)
        {
            if (_lookedUp is not { } at || time.GetElapsedTime(at) >= Age)
            {
                _available = available();
                _lookedUp = time.GetTimestamp();
            }

            return _available - Reserve >= bytes;
        }
    }
}
