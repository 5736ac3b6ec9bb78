using Google.Protobuf;
using V3Electionpb;
using V3Lockpb;

namespace PaxosStore.Testing.Differential;

/// <summary>
/// Random requests of the Lock and Election services. One lease at a time stands in each queue, so that no request waits; what waiting does is compared by
/// scenarios, not at random.
/// </summary>
internal sealed class RecipeOperations(Random random, World world)
{
    private const int Names = 3;
    private const long UnknownLease = 777_777;

    private readonly long[] holders = new long[2 * Names];
    private readonly LeaderKey?[] leaders = new LeaderKey?[Names];

    internal Operation Next() => random.Next(12) switch
    {
        < 3 => Lock(),
        < 5 => Unlock(),
        < 8 => Campaign(),
        < 9 => Proclaim(),
        < 11 => Leader(),
        _ => Resign(),
    };

    private static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    private Operation Lock()
    {
        var name = random.Next(Names);
        var request = new LockRequest { Name = Bytes($"lock{name}"), Lease = Holder(name) };
        return new Operation("Lock", request, async (c, _) => await c.Lock.LockAsync(request));
    }

    private Operation Unlock()
    {
        var name = random.Next(Names);
        var request = new UnlockRequest { Key = random.Next(6) == 0 ? ByteString.Empty : Bytes($"lock{name}/{holders[name]:x}") };
        if (!request.Key.IsEmpty) holders[name] = 0;
        return new Operation("Unlock", request, async (c, _) => await c.Lock.UnlockAsync(request));
    }

    private Operation Campaign()
    {
        var name = random.Next(Names);
        var request = new CampaignRequest { Name = Bytes($"vote{name}"), Lease = Holder(Names + name), Value = Bytes($"v{random.Next(3)}") };
        return new Operation("Campaign", request, async (c, side) =>
        {
            var reply = await c.Election.CampaignAsync(request);
            if (side == Side.Reference) leaders[name] = reply.Leader;
            return reply;
        });
    }

    private Operation Proclaim()
    {
        var request = new ProclaimRequest { Leader = AnyLeader(), Value = Bytes($"p{random.Next(3)}") };
        return new Operation("Proclaim", request, async (c, _) => await c.Election.ProclaimAsync(request));
    }

    private Operation Leader()
    {
        var request = new LeaderRequest { Name = Bytes($"vote{random.Next(Names)}") };
        return new Operation("Leader", request, async (c, _) => await c.Election.LeaderAsync(request));
    }

    private Operation Resign()
    {
        var name = random.Next(Names);
        var request = new ResignRequest { Leader = leaders[name] };
        if (leaders[name] is not null) (leaders[name], holders[Names + name]) = (null, 0);
        return new Operation("Resign", request, async (c, _) => await c.Election.ResignAsync(request));
    }

    private LeaderKey? AnyLeader()
    {
        if (leaders[random.Next(Names)]?.Clone() is not { } leader) return null;
        if (random.Next(4) == 0) leader.Rev++;
        return leader;
    }

    // Whoever stands in the queue, or a new one.
    private long Holder(int queue)
    {
        if (random.Next(8) == 0) return UnknownLease;
        if (holders[queue] == 0 && world.Leases.Count > 0) holders[queue] = world.Leases[random.Next(world.Leases.Count)];
        return holders[queue] == 0 ? UnknownLease : holders[queue];
    }
}
