using System.Collections.Immutable;

namespace PaxosStore.Kv;

/// <summary>Tokens by id, and in the order in which they end. Immutable.</summary>
internal sealed class AuthTokens
{
    private readonly ImmutableSortedDictionary<string, AuthToken> _byId;
    private readonly ImmutableSortedSet<(TimeSpan Deadline, string Id)> _byDeadline;

    private AuthTokens(ImmutableSortedDictionary<string, AuthToken> byId, ImmutableSortedSet<(TimeSpan Deadline, string Id)> byDeadline, UInt128 sum)
    {
        (_byId, _byDeadline, Sum) = (byId, byDeadline, sum);
    }

    public static AuthTokens None { get; } = new(
        ImmutableSortedDictionary.Create<string, AuthToken>(StringComparer.Ordinal),
        ImmutableSortedSet.Create<(TimeSpan Deadline, string Id)>(Comparer<(TimeSpan Deadline, string Id)>.Create((x, y) =>
            x.Deadline != y.Deadline ? x.Deadline.CompareTo(y.Deadline) : string.CompareOrdinal(x.Id, y.Id))),
        0);

    public int Count => _byId.Count;

    /// <summary>All of them, in the order of their ids.</summary>
    public IEnumerable<KeyValuePair<string, AuthToken>> All => _byId;

    /// <summary>Sum of the hashes of all tokens.</summary>
    public UInt128 Sum { get; }

    public AuthToken? Find(string id) => _byId.GetValueOrDefault(id);

    public AuthTokens Set(string id, AuthToken token)
    {
        var others = Remove(id);
        return new AuthTokens(others._byId.Add(id, token), others._byDeadline.Add((token.Deadline, id)), others.Sum + StateHash.Of(id, token));
    }

    public AuthTokens Remove(string id)
    {
        if (!_byId.TryGetValue(id, out var token)) return this;
        return new AuthTokens(_byId.Remove(id), _byDeadline.Remove((token.Deadline, id)), Sum - StateHash.Of(id, token));
    }

    public AuthTokens RemoveOf(string user)
    {
        var rest = this;
        foreach (var (id, token) in _byId)
        {
            if (token.User == user) rest = rest.Remove(id);
        }

        return rest;
    }

    /// <summary>Without those that end at or before <paramref name="now"/>, at most <paramref name="most"/> of them.</summary>
    public AuthTokens Expire(TimeSpan now, int most)
    {
        var rest = this;
        for (var i = 0; i < most && rest.Count > 0 && rest._byDeadline.Min.Deadline <= now; i++) rest = rest.Remove(rest._byDeadline.Min.Id);
        return rest;
    }

    /// <summary>Without the one that ends first.</summary>
    public AuthTokens RemoveFirst() => Remove(_byDeadline.Min.Id);
}
