using System.Globalization;
using System.Net.Security;

namespace PaxosStore.Cli;

/// <summary>What a command works with.</summary>
internal sealed class Session(Invocation invocation, Terminal terminal, CancellationToken cancellation)
{
    private const string DefaultEndpoint = "127.0.0.1:2379";
    private const int DefaultTimeoutSeconds = 10;
    private SslClientAuthenticationOptions? tls;

    internal Terminal Terminal => terminal;

    internal CancellationToken Cancellation => cancellation;

    /// <summary>How long an answer may take.</summary>
    internal TimeSpan Timeout => TimeSpan.FromSeconds(Number("timeout", DefaultTimeoutSeconds, 1, 86_400));

    /// <summary>Whether the answer is for programs.</summary>
    internal bool Json => Option("write-out") switch
    {
        null or "table" => false,
        "json" => true,
        var other => throw Usage($"--write-out: '{other}' is neither table nor json"),
    };

    /// <summary>Where the members are, in the order to try them.</summary>
    internal IReadOnlyList<Uri> Endpoints
    {
        get
        {
            var texts = (Option("endpoints") ?? DefaultEndpoint).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return texts.Length > 0 ? [.. texts.Select(Endpoint)] : throw Usage("--endpoints: name at least one, such as 127.0.0.1:2379");
        }
    }

    /// <summary>Stands for the password once it was right, on every member.</summary>
    internal string? Token { get; set; }

    /// <summary>Who asks; null when nobody in particular does. A password that was not given is asked for.</summary>
    internal async Task<(string Name, string Password)?> UserAsync()
    {
        if (Option("user") is not { } text) return null;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0) return (text[..colon], text[(colon + 1)..]);
        if (!terminal.Interactive) throw Usage("--user: give the password too, as NAME:PASSWORD, or keep it from other users' eyes in PAXOSCTL_USER");
        await terminal.Error.WriteAsync($"Password of {text}: ");
        return (text, await terminal.Input.ReadLineAsync(cancellation) ?? "");
    }

    /// <summary>How connections to https endpoints are secured; read once.</summary>
    internal SslClientAuthenticationOptions Tls => tls ??= ClientTls.Read(this);

    internal string Operand(int index) => invocation.Operands[index];

    internal string? Option(string name) => invocation.Options.GetValueOrDefault(name);

    internal bool Has(string name) => invocation.Options.ContainsKey(name);

    /// <summary>A number in an option.</summary>
    internal long Number(string name, long fallback, long least, long most)
    {
        if (Option(name) is not { } text) return fallback;
        return Whole(text, least, most) ?? throw Usage($"--{name}: '{text}' is not usable; expected a whole number from {least} to {most}");
    }

    /// <summary>A number in an operand.</summary>
    internal long Number(int index, long least) =>
        Whole(Operand(index), least, long.MaxValue)
        ?? throw Usage($"{invocation.Command.Operands[index]}: '{Operand(index)}' is not usable; expected a whole number of at least {least}");

    /// <summary>A member id in an operand: hexadecimal, as it is shown.</summary>
    internal ulong MemberId(int index)
    {
        var text = Operand(index);
        var digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
        return ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id) && id != 0
            ? id
            : throw Usage($"{invocation.Command.Operands[index]}: '{text}' is no member id; expected hexadecimal digits as 'paxosctl member list' shows them");
    }

    internal UsageException Usage(string message) => new(message, invocation.Command);

    internal Task SayAsync(string line) => terminal.Output.WriteLineAsync(line);

    internal Task WarnAsync(string line) => terminal.Error.WriteLineAsync(line);

    private static long? Whole(string text, long least, long most) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number : null;

    private Uri Endpoint(string text)
    {
        // As with etcdctl: an address without a scheme is spoken to in the clear, unless certificates are named.
        var full = text.Contains("://", StringComparison.Ordinal) ? text : $"{(Has("cacert") || Has("cert") ? "https" : "http")}://{text}";
        var authority = full[(full.IndexOf("://", StringComparison.Ordinal) + 3)..].TrimEnd('/');
        if (Uri.TryCreate(full, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.AbsolutePath == "/" && url.Query.Length == 0
            && url.UserInfo.Length == 0 && HasPort(authority))
        {
            return url;
        }

        throw Usage($"--endpoints: '{text}' is not usable; expected addresses such as 10.0.0.1:2379,10.0.0.2:2379 or https://10.0.0.1:2379");
    }

    // The port must be written: http's own, 80, is hardly ever meant.
    private static bool HasPort(string authority) =>
        authority.LastIndexOf(':') is >= 0 and var colon
        && ushort.TryParse(authority[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0;
}
