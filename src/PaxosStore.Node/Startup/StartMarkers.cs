using System.Text.Json;

namespace PaxosStore.Node.Startup;

/// <summary>
/// What <c>paxosctl</c> left in the data directory for the next start: a backup to begin a new cluster from, or the word that this directory alone is to become
/// a new cluster, or that users and roles are to be switched off.
/// </summary>
internal sealed class StartMarkers(string directory)
{
    private string BackupFile => Path.Combine(directory, "restore.snapshot");

    private string RestoreFile => Path.Combine(directory, "restore.json");

    private string RecoverFile => Path.Combine(directory, "recover.json");

    /// <summary>The backup to begin with, and by how much its revision is to jump; null when there is none.</summary>
    /// <exception cref="NodeStartupException">The marker can't be read.</exception>
    public (string File, long RevisionBump)? Restore => !File.Exists(RestoreFile) ? null : (BackupFile, RevisionBump());

    private string AuthOffFile => Path.Combine(directory, "auth-off.json");

    /// <summary>Whether users and roles are to be switched off once the cluster serves.</summary>
    public bool AuthOff => File.Exists(AuthOffFile);

    /// <summary>They have been switched off.</summary>
    public void ClearAuthOff() => File.Delete(AuthOffFile);

    /// <summary>Whether this directory is to become a new cluster.</summary>
    public bool Recover => File.Exists(RecoverFile);

    /// <summary>They have been heeded, and that is on disk.</summary>
    public void Clear()
    {
        foreach (var file in new[] { RestoreFile, RecoverFile, BackupFile }) File.Delete(file);
    }

    private long RevisionBump()
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(RestoreFile));
            return document.RootElement.GetProperty("revisionBump").GetInt64();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or IOException)
        {
            throw new NodeStartupException($"{RestoreFile} can't be read ({e.Message}): run 'paxosctl snapshot restore' again into an empty directory");
        }
    }
}
