using Etcdserverpb;
using Google.Protobuf;

namespace PaxosStore.Testing.Differential;

/// <summary>Random requests of the Lease service. TTLs are long, so that nothing expires by itself in the middle of a comparison.</summary>
internal sealed class LeaseOperations(Random random, World world)
{
    private const int MostLeases = 8;

    internal Operation Next() => random.Next(20) switch
    {
        < 5 => Grant(),
        < 8 => Revoke(),
        < 13 => KeepAlive(),
        < 18 => TimeToLive(),
        18 => GrantAutomatic(),
        _ => List(),
    };

    private Operation Grant()
    {
        var request = new LeaseGrantRequest { ID = world.NextLease++, TTL = random.Next(1000, 5000) };
        switch (random.Next(10))
        {
            case 0:
                request.TTL = 9_000_000_001;
                break;
            case 1 when world.Leases.Count > 0:
                request.ID = Known();
                break;
            case 2:
                return GrantShort(random.Next(-1, 3));
            default:
                if (world.Leases.Count >= MostLeases) return Revoke();
                world.Leases.Add(request.ID);
                break;
        }

        return new Operation("LeaseGrant", request, async (c, _) => await c.Lease.LeaseGrantAsync(request));
    }

    // The floor of the TTL shows in the reply; the lease is gone again before it could expire.
    private Operation GrantShort(long ttl)
    {
        var request = new LeaseGrantRequest { ID = world.NextLease++, TTL = ttl };
        return new Operation("LeaseGrant+Revoke", request, async (c, _) =>
        {
            var granted = await c.Lease.LeaseGrantAsync(request);
            await c.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = request.ID });
            return granted;
        });
    }

    // The server picks the id: only that it is positive can be compared.
    private Operation GrantAutomatic()
    {
        var request = new LeaseGrantRequest { TTL = random.Next(1000, 5000) };
        return new Operation("LeaseGrant(automatic)+Revoke", request, async (c, _) =>
        {
            var granted = await c.Lease.LeaseGrantAsync(request);
            await c.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = granted.ID });
            granted.ID = Math.Sign(granted.ID);
            return granted;
        });
    }

    private Operation Revoke()
    {
        var request = new LeaseRevokeRequest { ID = random.Next(8) == 0 ? 777_777 : Known() };
        world.Leases.Remove(request.ID);
        return new Operation("LeaseRevoke", request, async (c, _) => await c.Lease.LeaseRevokeAsync(request));
    }

    private Operation KeepAlive()
    {
        var request = new LeaseKeepAliveRequest { ID = random.Next(8) == 0 ? 777_777 : Known() };
        return new Operation("LeaseKeepAlive", request, async (c, _) =>
        {
            using var call = c.Lease.LeaseKeepAlive();
            await call.RequestStream.WriteAsync(request);
            await call.RequestStream.CompleteAsync();
            LeaseKeepAliveResponse? reply = null;
            while (await call.ResponseStream.MoveNext(CancellationToken.None)) reply = call.ResponseStream.Current;
            return reply ?? new LeaseKeepAliveResponse();
        });
    }

    private Operation TimeToLive()
    {
        var request = new LeaseTimeToLiveRequest { ID = random.Next(8) == 0 ? 777_777 : Known(), Keys = random.Next(2) == 0 };
        return new Operation("LeaseTimeToLive", request, async (c, _) => await c.Lease.LeaseTimeToLiveAsync(request), Normalise);

        static void Normalise(IMessage message)
        {
            // The clock runs between the two; keys come in no promised order.
            var reply = (LeaseTimeToLiveResponse)message;
            if (reply.TTL > 0 && reply.TTL <= reply.GrantedTTL && reply.TTL >= reply.GrantedTTL - 600) reply.TTL = 1;
            var keys = reply.Keys.Order(Normaliser.Bytes.Order).ToList();
            reply.Keys.Clear();
            reply.Keys.AddRange(keys);
        }
    }

    private static Operation List()
    {
        var request = new LeaseLeasesRequest();
        return new Operation("LeaseLeases", request, async (c, _) => await c.Lease.LeaseLeasesAsync(request), message =>
        {
            var reply = (LeaseLeasesResponse)message;
            var leases = reply.Leases.OrderBy(l => l.ID).ToList();
            reply.Leases.Clear();
            reply.Leases.AddRange(leases);
        });
    }

    private long Known() => world.Leases.Count == 0 ? 777_777 : world.Leases[random.Next(world.Leases.Count)];
}
