using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>A state and who asks about it: what is checked and what is read are of one revision.</summary>
internal readonly record struct CallerView(KvView View, Caller? Caller)
{
    /// <summary>Goes on only if the caller may do all that <paramref name="op"/> does.</summary>
    /// <exception cref="KvException">Why not.</exception>
    internal void Demand(KvOp op) => Doorkeeper.Demand(View.Check(Caller, op));
}

/// <summary>
/// Finds out on whose behalf a call is and passes it on with the command; what the caller may do is decided where the command is applied. Tokens are a
/// part of the replicated state, so every member knows them; one that this member has not heard of yet is looked up again in a fresh view.
/// </summary>
internal sealed class Doorkeeper(IKvStore store, QuotaGuard quota, TokenTouches touches, JwtTokens? jwt)
{
    // Users and roles may change again while a call is sent again after they changed.
    private const int MostAttempts = 4;
    private const string CommonNameOid = "2.5.4.3";
    private const string Bearer = "Bearer ";

    /// <summary>Signed tokens, when members give out those; null when tokens are kept in the state.</summary>
    internal JwtTokens? Jwt => jwt;

    /// <summary>Has a command agreed on, on behalf of the caller, if there is room for what it adds.</summary>
    /// <exception cref="KvException">As for <see cref="IKvStore.ExecuteAsync"/>.</exception>
    /// <exception cref="RpcException">The token is none.</exception>
    internal async ValueTask<KvResult> ExecuteAsync(KvCommand command, ServerCallContext context, CancellationToken cancellation)
    {
        // Who may not do it is to learn that, and must not be able to raise an alarm.
        if (quota.Bounds(command) && await LikelyMayAsync(command, context, cancellation)) await quota.AdmitAsync(command, cancellation);
        var view = store.View;
        for (var attempt = 1; ; attempt++)
        {
            var caller = (await IdentifyAsync(view, context, cancellation)).Caller;
            try
            {
                return await store.ExecuteAsync(caller is null ? command : command with { Caller = caller }, cancellation);
            }
            catch (KvException e) when (attempt < MostAttempts && IsOutdated(e.Code, caller, context))
            {
                // It did not happen: users or roles have moved on since this member looked.
                view = await store.ReadAsync(ReadConsistency.Linearizable, cancellation);
            }
        }
    }

    /// <summary>A view to read from, and the caller as that view knows it.</summary>
    /// <exception cref="KvException">As for <see cref="IKvStore.ReadAsync"/>.</exception>
    /// <exception cref="RpcException">The token is none.</exception>
    internal async ValueTask<CallerView> ReadAsync(ReadConsistency consistency, ServerCallContext context, CancellationToken cancellation)
    {
        var view = await store.ReadAsync(consistency, cancellation);
        return await IdentifyAsync(view, context, cancellation, isFresh: consistency == ReadConsistency.Linearizable);
    }

    /// <summary>Lets a call pass whose method's rule does not depend on what is asked.</summary>
    /// <exception cref="KvException">Why it may not pass.</exception>
    /// <exception cref="RpcException">The token is none.</exception>
    internal async ValueTask AdmitAsync(ServerCallContext context)
    {
        var rule = AccessRules.Of(context.Method);
        if (rule is AccessRule.ByContent or AccessRule.Everybody || (rule == AccessRule.RootHere && !store.View.Auth.Enabled)) return;
        var consistency = rule == AccessRule.User ? ReadConsistency.Serializable : ReadConsistency.Linearizable;
        var (view, caller) = await ReadAsync(consistency, context, context.CancellationToken);
        Demand(rule == AccessRule.User ? view.Auth.CheckUser(caller) : view.Auth.CheckAdmin(caller));
    }

    /// <summary>Whether the caller may do it as far as this member knows; not the last word.</summary>
    private async ValueTask<bool> LikelyMayAsync(KvCommand command, ServerCallContext context, CancellationToken cancellation)
    {
        if (!store.View.Auth.Enabled) return true;
        var (view, caller) = await IdentifyAsync(store.View, context, cancellation);
        return (command is WriteCommand write ? view.Check(caller, write.Op) : view.Auth.CheckUser(caller)) == KvErrorCode.None;
    }

    /// <exception cref="KvException">The verdict is not <see cref="KvErrorCode.None"/>.</exception>
    internal static void Demand(KvErrorCode verdict)
    {
        if (verdict != KvErrorCode.None) throw new KvException(verdict);
    }

    private async ValueTask<CallerView> IdentifyAsync(KvView view, ServerCallContext context, CancellationToken cancellation, bool isFresh = false)
    {
        if (!view.Auth.Enabled) return new CallerView(view, null);
        if (Token(context) is not { } token) return new CallerView(view, ByCertificate(view, context));
        if (jwt is not null) return new CallerView(view, await jwt.ReadAsync(token) ?? throw EtcdErrors.InvalidAuthToken);
        var id = Tokens.Id(token);
        if (ByToken(view, id) is { } caller) return new CallerView(view, caller);

        // Another member may have given it out a moment ago.
        if (!isFresh) view = await store.ReadAsync(ReadConsistency.Linearizable, cancellation);
        if (!view.Auth.Enabled) return new CallerView(view, null);
        return new CallerView(view, ByToken(view, id) ?? throw EtcdErrors.InvalidAuthToken);
    }

    private Caller? ByToken(KvView view, string id)
    {
        var now = store.LogTimeEstimate;
        if (view.Auth.Token(id, now) is not { } token) return null;
        touches.Used(id, token, now);
        return new Caller(token.User, view.Auth.Revision);
    }

    private static Caller? ByCertificate(KvView view, ServerCallContext context) =>
        Certificate(context) is { } certificate && CommonName(certificate) is { Length: > 0 } name ? new Caller(name, view.Auth.Revision) : null;

    /// <summary>A certificate that the web server has verified. Calls of the JSON gateway are never authenticated by one: who reaches it is not its client.</summary>
    private static X509Certificate2? Certificate(ServerCallContext context) =>
        context.AuthContext.IsPeerAuthenticated ? context.GetHttpContext().Connection.ClientCertificate : null;

    /// <summary>The one common name of the subject; no other part of it stands in for that.</summary>
    private static string? CommonName(X509Certificate2 certificate)
    {
        string? name = null;
        foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements || part.GetSingleElementType().Value != CommonNameOid) continue;
            if (name is not null) return null;
            name = part.GetSingleElementValue();
        }

        return name;
    }

    private bool IsOutdated(KvErrorCode code, Caller? caller, ServerCallContext context) => code switch
    {
        KvErrorCode.AuthOldRevision => caller is not null && (jwt is null || Token(context) is null),
        KvErrorCode.UserEmpty => caller is null && (Token(context) is not null || context.AuthContext.IsPeerAuthenticated),
        _ => false,
    };

    /// <summary>The token as clients send it: Go, jetcd and Python one way, dotnet-etcd and the gateway's clients the other.</summary>
    private static string? Token(ServerCallContext context)
    {
        if (First(context.RequestHeaders.GetValue("token")) is { } token) return token;
        var value = First(context.RequestHeaders.GetValue("authorization"));
        return value is not null && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? value[Bearer.Length..] : value;
    }

    /// <summary>Some clients send it twice, python-etcd3 for one, and headers of one name arrive joined; as with etcd, the first counts.</summary>
    private static string? First(string? values) => values?.IndexOf(',') is { } end and >= 0 ? values[..end] : values;
}
