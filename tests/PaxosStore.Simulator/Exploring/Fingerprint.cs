using System.Buffers.Binary;
using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using PaxosStore.Consensus;

namespace PaxosStore.Simulator.Exploring;

/// <summary>
/// A machine (or message) as bytes, equal exactly when two would behave alike. It reads every field there is, by reflection: a field added to a role tomorrow tells
/// states apart from then on. Left out is only what is named here.
/// </summary>
internal sealed class Fingerprint
{
    // Not state of the protocol: fixed within an exploration, or cleared at the beginning of each step.
    private static readonly HashSet<Type> Fixed = [typeof(PaxosOptions), typeof(SafetyRules), typeof(Effects)];

    // When something would time out: the exploration lets it happen whenever it likes. The rest is cleared at the beginning of each step.
    private static readonly (Type Type, string Field)[] Idle =
    [
        (typeof(Proposer), "_random"), (typeof(Proposer), "_deadline"), (typeof(Proposer), "_resendAt"), (typeof(Proposer), "_leaderSeenAt"),
        (typeof(Proposer), "_failedAttempts"), (typeof(Learner), "_missing"),
    ];

    private readonly HashSet<FieldInfo> _excluded = [];
    private readonly Dictionary<Type, FieldInfo[]> _fields = [];
    private readonly Dictionary<Type, int> _types = [];
    private byte[] _bytes = new byte[4096];
    private int _length;

    public Fingerprint(SafetyRules rules)
    {
        foreach (var (type, field) in Idle) Exclude(type, field);

        // Counts every repeat of a message, so it would never come to an end; the product counts voters and never looks at it. Where a mistake does, it is not left out.
        if (CountsMessages(rules)) return;
        Exclude(typeof(Preparation), "_messages");
        Exclude(typeof(Leadership).GetNestedType("InFlight", BindingFlags.NonPublic)!, "<Messages>k__BackingField");
    }

    public static bool CountsMessages(SafetyRules rules) => rules.GetType().GetMethod(nameof(SafetyRules.CountVoters))!.DeclaringType != typeof(SafetyRules);

    /// <summary>128 bits of SHA-256 over the bytes.</summary>
    public UInt128 Of(object thing)
    {
        _length = 0;
        Write(thing);
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(_bytes.AsSpan(0, _length), hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private void Exclude(Type type, string field) => _excluded.Add(
        type.GetField(field, BindingFlags.Instance | BindingFlags.NonPublic) ?? throw new InvalidOperationException($"{type.Name} has no {field} any more"));

    private void Write(object? thing)
    {
        switch (thing)
        {
            case null: Write(-1L); break;
            case bool b: Write(b ? 1 : 0L); break;
            case int i: Write(i); break;
            case long l: Write(l); break;
            case ulong u: Write((long)u); break;
            case TimeSpan t: Write(t.Ticks); break;
            case Enum e: Write(Convert.ToInt64(e)); break;
            case Ballot b: Write(b.Round, (long)b.Node.Value); break;
            case Slot s: Write(s.Number); break;
            case NodeId n: Write((long)n.Value); break;
            case ReadOnlyMemory<byte> m: Write(m.Span); break;
            case string s: Write(System.Text.Encoding.UTF8.GetBytes(s)); break;
            case Delegate d: throw new InvalidOperationException($"a machine holds a {d.GetType().Name}, which can't be compared");
            case IEnumerable sequence: WriteAll(sequence); break;
            default: WriteFields(thing); break;
        }
    }

    private void WriteAll(IEnumerable sequence)
    {
        var type = sequence.GetType();
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(System.Collections.Immutable.ImmutableArray<>) && IsDefault(sequence))
        {
            Write(-2L);
            return;
        }

        var start = _length;
        var ends = new List<int>();
        foreach (var element in sequence)
        {
            Write(element);
            ends.Add(_length);
        }

        // The order of a set means nothing.
        if (ends.Count > 1 && (sequence is IDictionary || IsSet(type))) Sort(start, ends);
        Write(ends.Count);
    }

    private static bool IsDefault(IEnumerable array) => (bool)array.GetType().GetProperty("IsDefault")!.GetValue(array)!;

    private static bool IsSet(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(HashSet<>);

    private void Sort(int start, List<int> ends)
    {
        var parts = new List<byte[]>();
        var from = start;
        foreach (var end in ends)
        {
            parts.Add(_bytes[from..end]);
            from = end;
        }

        parts.Sort((a, b) => a.AsSpan().SequenceCompareTo(b));
        _length = start;
        foreach (var part in parts)
        {
            part.CopyTo(_bytes, _length);
            _length += part.Length;
        }
    }

    private void WriteFields(object thing)
    {
        var type = thing.GetType();
        if (Fixed.Contains(type) || typeof(SafetyRules).IsAssignableFrom(type)) return;
        if (!_types.TryGetValue(type, out var number)) _types[type] = number = _types.Count;
        Write(number);
        foreach (var field in FieldsOf(type)) Write(field.GetValue(thing));
    }

    private FieldInfo[] FieldsOf(Type type)
    {
        if (_fields.TryGetValue(type, out var known)) return known;
        var fields = new List<FieldInfo>();
        for (var t = type; t is not null && t != typeof(object); t = t.BaseType)
        {
            fields.AddRange(t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly));
        }

        return _fields[type] = [.. fields.Where(f => !_excluded.Contains(f))];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write(long number)
    {
        Reserve(8);
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(_length), number);
        _length += 8;
    }

    private void Write(long a, long b)
    {
        Write(a);
        Write(b);
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        Write(bytes.Length);
        Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    private void Reserve(int bytes)
    {
        if (_length + bytes > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + bytes));
    }
}
