namespace PaxosStore.Node.Tls;

/// <summary>Tells what is worth a line in the log from what was said a moment ago: whoever is refused comes back at once.</summary>
public sealed class News(TimeProvider time)
{
    private const int MostRemembered = 200;
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _told = new(StringComparer.Ordinal);

    /// <summary>Whether the text has not been told for a while; from now on it has.</summary>
    public bool Is(string text)
    {
        lock (_gate)
        {
            if (_told.TryGetValue(text, out var at) && time.GetElapsedTime(at) < Quiet) return false;

            // Strangers choose what they show: they must not fill the memory, nor silence others for long.
            if (_told.Count >= MostRemembered) _told.Clear();
            _told[text] = time.GetTimestamp();
            return true;
        }
    }
}
