using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using PaxosStore.Gateways.Etcd;
using PaxosStore.Gateways.Listening;
using PaxosStore.Node;
using PaxosStore.Server.Logging;
using PaxosStore.Server.Options;

namespace PaxosStore.Server.Hosting;

/// <summary>Puts the node and its doors together.</summary>
internal static class ServerApp
{
    // Open watch streams are told at once that the server stops; what is left after this is cut.
    private static readonly TimeSpan DoorsClosed = TimeSpan.FromSeconds(3);
    private const int ElectionsWithoutLeader = 3;

    /// <summary>The application, with neither node nor doors created yet.</summary>
    internal static WebApplication Build(ServerOptions options)
    {
        // Empty on purpose: no appsettings.json and no ASPNETCORE_ variables beside the options, and nothing loaded that is not used.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "PaxosStore.Server" });
        builder.Services.AddSingleton(TimeProvider.System);
        AddLogging(builder.Logging, options.LogLevel);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = DoorsClosed);
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listen(kestrel, options));
        builder.Services.AddSingleton(provider => new ClientTls(
            options, provider.GetRequiredService<ILoggerFactory>().CreateLogger("PaxosStore.Server.Tls"), provider.GetRequiredService<TimeProvider>()));
        builder.Services.AddRouting();
        builder.Services.AddPaxosStore(options.Node);
        builder.Services.AddEtcdDoor(door =>
        {
            door.LeaderLossGrace = options.Node.ElectionTimeout * ElectionsWithoutLeader;
            door.BcryptCost = options.Auth.BcryptCost;
            door.AuthToken = options.Auth.Token;
            door.AuthTokenTtl = options.Auth.TokenTtl;
            door.MaxTxnOps = options.Limits.MaxTxnOps;
            door.MaxRequestBytes = options.Limits.MaxRequestBytes;
            door.WatchProgressInterval = options.Limits.WatchProgressInterval;
        });
        builder.Services.AddAutoCompaction(options.AutoCompaction);
        return builder.Build();
    }

    /// <summary>Opens the doors. Creating them may create the node, so this can fail as starting can.</summary>
    internal static void MapDoors(WebApplication app, ServerOptions options)
    {
        HttpAccessControl.Use(app, options);
        app.MapEtcdDoor();
        app.MapEtcdHttp();
    }

    private static void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        EtcdDoor.ConfigureLimits(kestrel);
        Bound(kestrel.Limits.Http2, options.Limits);
        var tls = kestrel.ApplicationServices.GetRequiredService<ClientTls>();

        foreach (var url in Cleartext(options.Node.ListenClientUrls)) kestrel.ListenShared(Ports.Address(url), url.Port);
        foreach (var url in Cleartext(options.Node.ListenHttpUrls)) kestrel.Listen(Ports.Address(url), url.Port, port => port.Protocols = HttpProtocols.Http1);
        foreach (var url in Cleartext(options.ListenMetricsUrls)) kestrel.Listen(Ports.Address(url), url.Port, port => port.Protocols = HttpProtocols.Http1);
        foreach (var url in CrossChecks.TlsUrls(options)) tls.Listen(kestrel, url);
    }

    private static IEnumerable<Uri> Cleartext(IEnumerable<Uri> urls) => urls.Where(url => !NodeSettings.IsTls(url));

    private static void Bound(Http2Limits http2, DoorLimits limits)
    {
        http2.MaxStreamsPerConnection = (int)Math.Min(limits.MaxConcurrentStreams, http2.MaxStreamsPerConnection);
        http2.KeepAlivePingDelay = limits.KeepAliveInterval > TimeSpan.Zero ? limits.KeepAliveInterval : TimeSpan.MaxValue;
        http2.KeepAlivePingTimeout = limits.KeepAliveTimeout > TimeSpan.Zero ? limits.KeepAliveTimeout : TimeSpan.MaxValue;
    }

    private static void AddLogging(ILoggingBuilder logging, LogLevel level)
    {
        // At rest nothing speaks but the node itself.
        var others = level == LogLevel.Debug ? LogLevel.Information : level > LogLevel.Warning ? level : LogLevel.Warning;
        logging.SetMinimumLevel(others);
        logging.AddFilter("PaxosStore", level);

        // Failures while starting and stopping are told by Lifecycle, once and in words.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddConsole(console =>
        {
            console.FormatterName = LineFormatter.FormatterName;
            console.LogToStandardErrorThreshold = LogLevel.Trace;
        });
        logging.AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();
    }
}
