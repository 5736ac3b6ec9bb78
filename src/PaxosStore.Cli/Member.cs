using Etcdserverpb;
using Grpc.Core;
using Grpc.Net.Client;

namespace PaxosStore.Cli;

/// <summary>A member of the cluster at one address.</summary>
internal sealed class Member : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly GrpcChannel channel;
    private readonly Session session;

    internal Member(Uri url, Session session)
    {
        this.session = session;
        Url = url;
        channel = GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = null,
            HttpHandler = Handler(url, session),
            DisposeHttpClient = true,
        });
        Kv = new KV.KVClient(channel);
        Cluster = new Cluster.ClusterClient(channel);
        Maintenance = new Maintenance.MaintenanceClient(channel);
    }

    internal Uri Url { get; }

    private static SocketsHttpHandler Handler(Uri url, Session session)
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = ConnectTimeout, UseProxy = false };
        if (url.Scheme == Uri.UriSchemeHttps) handler.SslOptions = session.Tls;
        return handler;
    }

    /// <summary>The address as operators type it.</summary>
    internal string Name => Url.Authority;

    internal KV.KVClient Kv { get; }

    internal Cluster.ClusterClient Cluster { get; }

    internal Maintenance.MaintenanceClient Maintenance { get; }

    /// <summary>Options of a call that is to be answered in time.</summary>
    internal CallOptions InTime => new(Headers, TimeProvider.System.GetUtcNow().UtcDateTime + session.Timeout, session.Cancellation);

    /// <summary>Options of a call that may take as long as it needs.</summary>
    internal CallOptions Patient => new(Headers, cancellationToken: session.Cancellation);

    private Metadata? Headers => session.Token is { } token ? new Metadata { { "token", token } } : null;

    /// <summary>
    /// The first member that answers, has a vote and knows a leader; failing that, the first that answers. Nothing but a status is asked on the way, so
    /// what comes next is asked once, of one member.
    /// </summary>
    /// <exception cref="CtlException">None answers.</exception>
    internal static async Task<Member> AnyAsync(Session session)
    {
        var failures = new List<string>();
        Member? second = null;
        foreach (var url in session.Endpoints)
        {
            var member = new Member(url, session);
            try
            {
                var status = await member.Maintenance.StatusAsync(new StatusRequest(), member.InTime);
                if (status is { Leader: not 0, IsLearner: false })
                {
                    second?.Dispose();
                    return member;
                }

                if (second is null) second = member;
                else member.Dispose();
            }
            catch (RpcException e) when (!session.Cancellation.IsCancellationRequested)
            {
                member.Dispose();
                if (!Hints.IsUnreachable(e)) throw;
                failures.Add($"{member.Name}: {Hints.Unreachable(e)}");
            }
        }

        return second ?? throw Nobody(failures);
    }

    /// <summary>Why nobody answers, and what to do.</summary>
    internal static CtlException Nobody(IEnumerable<string> failures) =>
        new($"no member answers ({string.Join("; ", failures)}): are they running? Name others with --endpoints or PAXOSCTL_ENDPOINTS");

    /// <summary>
    /// Gets the token that stands for the user's password from the first member that answers; every member knows it then. A cluster that checks nobody
    /// needs none.
    /// </summary>
    /// <exception cref="CtlException">None answers.</exception>
    internal static async Task SignInAsync(Session session)
    {
        if (await session.UserAsync() is not { } user) return;
        var request = new AuthenticateRequest { Name = user.Name, Password = user.Password };
        var failures = new List<string>();
        foreach (var url in session.Endpoints)
        {
            using var member = new Member(url, session);
            try
            {
                session.Token = (await new Auth.AuthClient(member.channel).AuthenticateAsync(request, member.InTime)).Token;
                return;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
            {
                await session.WarnAsync("this cluster does not check users: --user has no effect");
                return;
            }
            catch (RpcException e) when (!session.Cancellation.IsCancellationRequested && Hints.IsUnreachable(e))
            {
                failures.Add($"{member.Name}: {Hints.Unreachable(e)}");
            }
        }

        throw Nobody(failures);
    }

    public void Dispose() => channel.Dispose();
}
