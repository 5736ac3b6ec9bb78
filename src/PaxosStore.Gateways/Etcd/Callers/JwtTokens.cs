using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>
/// Signed tokens (etcd: <c>--auth-token jwt,…</c>), which members make and verify by keys instead of keeping them. They carry the user and the revision of users
/// and roles they were made at, and are of no use after the next change; nothing else takes them back.
/// </summary>
internal sealed partial class JwtTokens
{
    private const string UserClaim = "username";
    private const string RevisionClaim = "revision";
    private static readonly TimeSpan DefaultTtl = TimeSpan.FromMinutes(5);
    private static readonly string[] Methods = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512"];

    private readonly JsonWebTokenHandler handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly SigningCredentials? signing;
    private readonly TokenValidationParameters expected;
    private readonly TimeSpan ttl;
    private readonly TimeProvider time;

    private JwtTokens(string method, SecurityKey? privateKey, SecurityKey publicKey, TimeSpan ttl, TimeProvider time)
    {
        (this.ttl, this.time) = (ttl, time);
        signing = privateKey is null ? null : new SigningCredentials(privateKey, method);
        expected = new TokenValidationParameters
        {
            // One algorithm, so that a public key is never taken for a shared secret.
            ValidAlgorithms = [method],
            IssuerSigningKey = publicKey,
            ValidateIssuer = false,
            ValidateAudience = false,
            RequireExpirationTime = true,
            LifetimeValidator = (_, expires, _, _) => expires is { } end && end > time.GetUtcNow().UtcDateTime,
        };
    }

    /// <summary>What the option asks for; null when it is the simple form.</summary>
    /// <exception cref="FormatException">It can't be understood; the message says what is expected.</exception>
    internal static JwtTokens? Of(IOptions<EtcdDoorOptions> options, TimeProvider? time) => Parse(options.Value.AuthToken, time ?? TimeProvider.System);

    /// <inheritdoc cref="Of"/>
    internal static JwtTokens? Parse(string option, TimeProvider time)
    {
        var parts = option.Split(',', StringSplitOptions.TrimEntries);
        if (option == "simple") return null;
        if (parts[0] != "jwt") throw new FormatException($"'{option}' is neither 'simple' nor 'jwt,sign-method=METHOD,pub-key=FILE,priv-key=FILE,ttl=10m'");
        var given = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in parts[1..])
        {
            var (name, value) = part.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (part[..at], part[(at + 1)..]) : (part, "");
            if (name is not ("sign-method" or "pub-key" or "priv-key" or "ttl") || value.Length == 0)
                throw new FormatException($"'{part}' is none of sign-method=METHOD, pub-key=FILE, priv-key=FILE, ttl=TIME");
            if (!given.TryAdd(name, value)) throw new FormatException($"{name} is given twice");
        }

        var method = given.GetValueOrDefault("sign-method") ?? throw new FormatException("sign-method is missing, such as sign-method=RS256");
        if (!Methods.Contains(method)) throw new FormatException($"sign-method: '{method}' is none of {string.Join(", ", Methods)}");
        var priv = given.TryGetValue("priv-key", out var privFile) ? Key(method, privFile, isPrivate: true) : null;
        var pub = given.TryGetValue("pub-key", out var pubFile) ? Key(method, pubFile, isPrivate: false) : priv;
        if (pub is null) throw new FormatException("pub-key or priv-key is missing");
        if (priv is not null && !Belong(method, priv, pub)) throw new FormatException($"{pubFile ?? "pub-key"} and {privFile} don't belong together");
        return new JwtTokens(method, priv, pub, given.TryGetValue("ttl", out var text) ? Ttl(text) : DefaultTtl, time);
    }

    /// <summary>A token of that user.</summary>
    /// <exception cref="KvException"><see cref="KvErrorCode.AuthFailed"/>: this member has the public key only.</exception>
    internal string Create(string user, long revision) => handler.CreateToken(new SecurityTokenDescriptor
    {
        Claims = new Dictionary<string, object> { [UserClaim] = user, [RevisionClaim] = revision },
        Expires = (time.GetUtcNow() + ttl).UtcDateTime,
        SigningCredentials = signing ?? throw new KvException(KvErrorCode.AuthFailed),
    });

    /// <summary>Whom a token stands for, or null when it is none of ours or its time is over.</summary>
    internal async ValueTask<Caller?> ReadAsync(string token)
    {
        var result = await handler.ValidateTokenAsync(token, expected);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken read) return null;
        if (!read.TryGetPayloadValue<string>(UserClaim, out var user) || string.IsNullOrEmpty(user)) return null;
        return read.TryGetPayloadValue<long>(RevisionClaim, out var revision) ? new Caller(user, revision) : null;
    }

    /// <summary>Whether what one key signs is good by the other.</summary>
    /// <exception cref="FormatException">A key is too short for the method.</exception>
    private static bool Belong(string method, SecurityKey privateKey, SecurityKey publicKey)
    {
        var sample = "check"u8.ToArray();
        try
        {
            using var signer = privateKey.CryptoProviderFactory.CreateForSigning(privateKey, method, cacheProvider: false);
            using var verifier = publicKey.CryptoProviderFactory.CreateForVerifying(publicKey, method, cacheProvider: false);
            return verifier.Verify(sample, signer.Sign(sample));
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new FormatException($"a key is too short for {method}");
        }
    }

    private static SecurityKey Key(string method, string file, bool isPrivate)
    {
        try
        {
            if (method[0] == 'H') return new SymmetricSecurityKey(File.ReadAllBytes(file));
            var pem = File.ReadAllText(file);
            if (method[0] == 'E')
            {
                var ecdsa = ECDsa.Create();
                ecdsa.ImportFromPem(pem);
                if (isPrivate) _ = ecdsa.ExportParameters(includePrivateParameters: true);
                return new ECDsaSecurityKey(ecdsa);
            }

            var rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            if (isPrivate) _ = rsa.ExportParameters(includePrivateParameters: true);
            return new RsaSecurityKey(rsa);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException)
        {
            throw new FormatException($"{file} holds no {(isPrivate ? "private" : "public")} key for {method} ({e.Message})", e);
        }
    }

    private static TimeSpan Ttl(string text)
    {
        var match = TtlPattern().Match(text);
        if (!match.Success) throw new FormatException($"ttl: '{text}' is not usable; expected a time such as 300s, 10m or 1h");
        var number = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return match.Groups[2].Value switch { "h" => TimeSpan.FromHours(number), "m" => TimeSpan.FromMinutes(number), _ => TimeSpan.FromSeconds(number) };
    }

    [GeneratedRegex(@"^([1-9]\d{0,6})(h|m|s)$")]
    private static partial Regex TtlPattern();
}
