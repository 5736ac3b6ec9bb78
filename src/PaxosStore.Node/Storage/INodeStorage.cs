using LinqToDB;
using Microsoft.Extensions.Logging;
using PaxosStore.Node.Startup;

namespace PaxosStore.Node.Storage;

/// <summary>Where one node's journal and snapshots are; held by one process at a time.</summary>
internal interface INodeStorage : IDisposable
{
    /// <summary>Where it is, for people.</summary>
    string Place { get; }

    /// <summary>The name by which Akka.Persistence.Sql knows the kind of database.</summary>
    string ProviderName { get; }

    /// <summary>How the journal connects.</summary>
    DataOptions Journal { get; }

    /// <summary>How the snapshot store connects.</summary>
    DataOptions Snapshots { get; }

    /// <summary>What the start found.</summary>
    JournalHealth Health { get; }

    /// <summary>Bytes that journal and snapshots occupy.</summary>
    long Bytes { get; }

    /// <summary>Completes, with the reason, when the storage no longer belongs to this process: the node must stop.</summary>
    Task<string> Lost { get; }

    /// <summary>Whether that many bytes can be written.</summary>
    bool HasRoom(long bytes);

    /// <summary>Gives up to so many pages of deleted data back to the disk, in one short write.</summary>
    /// <returns>Pages that remain to be given back.</returns>
    int Vacuum(int pages);

    /// <summary>The journal that is here already; null when there is none.</summary>
    FoundJournal? Found { get; }

    /// <summary>What can be read of a damaged journal; null when it does not even say whose it is.</summary>
    RescuedJournal? Rescue();

    /// <summary>Puts the journal out of the way; this object is of no use afterwards.</summary>
    /// <returns>Where the journal is now, and the storage with a fresh one.</returns>
    /// <exception cref="NodeStartupException">That can't be done.</exception>
    (string Aside, INodeStorage Reopened) SetJournalAside(ILogger log);
}
