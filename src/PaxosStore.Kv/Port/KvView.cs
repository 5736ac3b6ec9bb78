namespace PaxosStore.Kv;

/// <summary>
/// The whole state right after some slot, immutable. Readers evaluate on it without locks and without stopping writes.
/// </summary>
public sealed partial class KvView
{
}
