namespace PaxosStore.Kv;

/// <summary>
/// On whose behalf a command or a read is. Doors make callers of credentials they have checked; the state machine trusts that name and judges by its own
/// users and roles what it may do. No caller at all is a client that showed no credentials.
/// </summary>
/// <param name="User">Name of the user; empty for <see cref="Node"/>.</param>
/// <param name="AuthRevision">Revision of users and roles at which the credentials were checked: when it is no longer the newest, the caller is to show them again.</param>
public readonly record struct Caller(string User, long AuthRevision)
{
    /// <summary>
    /// The store's own nodes, which may do everything. A door never makes this of anything that a client sent. Other nodes of the Akka cluster are trusted
    /// peers and may say so of themselves.
    /// </summary>
    public static Caller Node { get; } = new("", 0);

    /// <summary>Whether it is <see cref="Node"/>.</summary>
    public bool IsNode => string.IsNullOrEmpty(User);
}
