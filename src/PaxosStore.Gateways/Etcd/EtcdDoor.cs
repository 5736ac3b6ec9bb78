using Etcdserverpb;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PaxosStore.Gateways.Etcd.Callers;
using PaxosStore.Gateways.Etcd.Compaction;
using PaxosStore.Gateways.Etcd.Json;
using PaxosStore.Gateways.Etcd.Metrics;
using PaxosStore.Gateways.Etcd.Services;
using PaxosStore.Gateways.Listening;
using PaxosStore.Kv;

namespace PaxosStore.Gateways.Etcd;

/// <summary>
/// The etcd door: etcd's v3 gRPC API in front of the <see cref="IKvStore"/> and the <see cref="IStoreAdmin"/> found in the service container.
/// </summary>
public static class EtcdDoor
{
    // Kestrel doubles this figure into an int when it bounds the streams it tracks, so the largest int would overflow.
    private const int MaxStreamsPerConnection = 1 << 20;

    /// <summary>Registers the door's services.</summary>
    public static IServiceCollection AddEtcdDoor(this IServiceCollection services, Action<EtcdDoorOptions>? configure = null)
    {
        services.AddOptions<EtcdDoorOptions>();
        if (configure is not null) services.Configure(configure);
        services.AddGrpc(grpc =>
        {
            grpc.MaxSendMessageSize = null;

            // What fails after a message was understood is translated by the interceptor; what is left tells the client what was wrong with its bytes.
            grpc.EnableDetailedErrors = true;
            grpc.Interceptors.Add<CountingInterceptor>();
            grpc.Interceptors.Add<CallInterceptor>();
        });
        services.AddSingleton<IConfigureOptions<GrpcServiceOptions>>(
            provider => new ConfigureOptions<GrpcServiceOptions>(
                grpc => grpc.MaxReceiveMessageSize = provider.GetRequiredService<IOptions<EtcdDoorOptions>>().Value.MaxReceiveBytes));

        // Refused requests and broken messages are the client's business; logged they would be noise. Faults of our own are logged by the interceptor.
        services.AddLogging(logging => logging.AddFilter("Grpc", LogLevel.Warning).AddFilter("Grpc.AspNetCore.Server.ServerCallHandler", LogLevel.None));
        services.AddSharedPorts();
        services.TryAddSingleton<CallCounters>();
        services.TryAddSingleton<CountingInterceptor>();
        services.TryAddSingleton<StoreInstruments>();
        services.TryAddSingleton<MetricsPage>();
        services.TryAddSingleton<CallInterceptor>();
        services.TryAddSingleton<Headers>();
        services.TryAddSingleton<RecentStatus>();
        services.TryAddSingleton<QuotaGuard>();
        services.TryAddSingleton<TokenTouches>();
        services.TryAddSingleton<Passwords>();
        services.TryAddSingleton(provider => new Doorkeeper(
            provider.GetRequiredService<IKvStore>(), provider.GetRequiredService<QuotaGuard>(), provider.GetRequiredService<TokenTouches>(),
            JwtTokens.Of(provider.GetRequiredService<IOptions<EtcdDoorOptions>>(), provider.GetService<TimeProvider>())));
        services.TryAddSingleton<LeaderMonitor>();
        services.TryAddSingleton<StreamEnds>();
        services.TryAddSingleton<WatchService>();
        services.AddSingleton<IBoundService>(provider => provider.GetRequiredService<WatchService>());
        services.TryAddSingleton<GatewayMethods>();
        services.TryAddSingleton<JsonGateway>();
        AddService<KvService>(services, KV.BindService);
        AddService<LeaseService>(services, Lease.BindService);
        AddService<LockService>(services, V3Lockpb.Lock.BindService);
        AddService<ElectionService>(services, V3Electionpb.Election.BindService);
        AddService<ClusterService>(services, Cluster.BindService);
        AddService<MaintenanceService>(services, Maintenance.BindService);
        AddService<AuthService>(services, Auth.BindService);
        AddService<HealthService>(services, Health.BindService);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IServiceMethodProvider<WatchService>, WatchService.Binding>());
        return services;
    }

    /// <summary>Registers the compaction of history without anybody asking for it, as operators of etcd set it.</summary>
    public static IServiceCollection AddAutoCompaction(this IServiceCollection services, AutoCompaction setting)
    {
        services.AddHostedService(provider => new AutoCompactor(
            provider.GetRequiredService<IKvStore>(), setting, provider.GetRequiredService<ILogger<AutoCompactor>>(),
            provider.GetService<TimeProvider>() ?? TimeProvider.System));
        return services;
    }

    private static void AddService<TService>(IServiceCollection services, Action<ServiceBinderBase, TService> bind)
        where TService : class
    {
        services.TryAddSingleton<TService>();
        services.TryAddSingleton(provider => new BoundService<TService>(
            provider.GetRequiredService<TService>(), bind, provider.GetRequiredService<CallCounters>()));
        services.TryAddSingleton<IServiceMethodProvider<BoundService<TService>>>(provider => provider.GetRequiredService<BoundService<TService>>());
        services.AddSingleton<IBoundService>(provider => provider.GetRequiredService<BoundService<TService>>());
    }

    /// <summary>Maps the gRPC services.</summary>
    public static IEndpointRouteBuilder MapEtcdDoor(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);

        // Listens before there is anything to hear.
        endpoints.ServiceProvider.GetRequiredService<StoreInstruments>();
        endpoints.MapGrpcService<BoundService<KvService>>();
        endpoints.MapGrpcService<BoundService<LeaseService>>();
        endpoints.MapGrpcService<WatchService>();
        endpoints.MapGrpcService<BoundService<LockService>>();
        endpoints.MapGrpcService<BoundService<ElectionService>>();
        endpoints.MapGrpcService<BoundService<ClusterService>>();
        endpoints.MapGrpcService<BoundService<MaintenanceService>>();
        endpoints.MapGrpcService<BoundService<AuthService>>();
        endpoints.MapGrpcService<BoundService<HealthService>>();
        return endpoints;
    }

    /// <summary>Maps what is spoken over plain HTTP: the JSON gateway, and the pages for probes and people.</summary>
    public static IEndpointRouteBuilder MapEtcdHttp(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        endpoints.Map("/version", EtcdHttp.VersionAsync);
        endpoints.Map("/health", EtcdHttp.HealthAsync);
        endpoints.Map("/livez/{check?}", Probes.LivezAsync);
        endpoints.Map("/readyz/{check?}", Probes.ReadyzAsync);
        endpoints.Map("/metrics", (HttpContext http, MetricsPage page) => page.MetricsAsync(http));
        endpoints.Map("/debug/vars", MetricsPage.VarsAsync);
        MapGateway(endpoints, "/v3");
        MapGateway(endpoints, "/v3beta");
        endpoints.MapFallback("{**path}", http => PlainText.WriteAsync(http, StatusCodes.Status404NotFound, "404 page not found"));
        return endpoints;
    }

    private static void MapGateway(IEndpointRouteBuilder endpoints, string version)
    {
        var gateway = endpoints.ServiceProvider.GetRequiredService<JsonGateway>();
        var pipeline = endpoints.CreateApplicationBuilder();
        pipeline.UseWebSockets();
        pipeline.Run(http => gateway.ServeAsync(http, http.Request.Path.Value![version.Length..].TrimStart('/')));
        endpoints.Map(version + "/{**path}", pipeline.Build());
    }

    /// <summary>
    /// Sets the web server's limits for etcd's clients: many streams per connection, streams that last for days, slow readers that are held back
    /// rather than cut off, pings that notice dead ones, and whatever they write where a host name belongs.
    /// </summary>
    public static void ConfigureLimits(KestrelServerOptions kestrel)
    {
        ArgumentNullException.ThrowIfNull(kestrel);
        kestrel.AddServerHeader = false;
        kestrel.AllowAlternateSchemes = true;
        kestrel.RequestHeaderEncodingSelector = AuthorityEncoding.Select;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(10);
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        var http2 = kestrel.Limits.Http2;
        http2.MaxStreamsPerConnection = MaxStreamsPerConnection;
        http2.InitialConnectionWindowSize = 8 * 1024 * 1024;
        http2.InitialStreamWindowSize = 1024 * 1024;
        http2.KeepAlivePingDelay = TimeSpan.FromMinutes(1);
        http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
    }
}
