using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PaxosStore.Gateways.Etcd;
using PaxosStore.Gateways.Listening;
using PaxosStore.Kv;

namespace PaxosStore.Testing;

/// <summary>The door on real ports in front of an in-memory store.</summary>
public sealed class DoorHost : IAsyncDisposable
{
    private readonly WebApplication app;

    private DoorHost(WebApplication app, InMemoryKvStore store, int port)
    {
        this.app = app;
        Store = store;
        Port = port;
        Client = new EtcdClient(Endpoint);
    }

    /// <summary>What stands behind the door.</summary>
    public InMemoryKvStore Store { get; }

    /// <summary>Port of everything.</summary>
    public int Port { get; }

    /// <summary>Its address.</summary>
    public string Endpoint => $"http://127.0.0.1:{Port}";

    /// <summary>A client of it.</summary>
    public EtcdClient Client { get; }

    /// <summary>What it is put together from.</summary>
    public IServiceProvider Services => app.Services;

    /// <summary>What it logged.</summary>
    public LogCounter Log { get; private init; } = null!;

    /// <summary>Opens one.</summary>
    /// <param name="configure">Its options.</param>
    /// <param name="before">Called with every request first.</param>
    public static async Task<DoorHost> StartAsync(Action<EtcdDoorOptions>? configure = null, Action<HttpContext>? before = null)
    {
        var port = FreePorts.One();
        var store = new InMemoryKvStore();
        var log = new LogCounter();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton<IKvStore>(store);
        builder.Services.AddSingleton<IStoreAdmin>(store);
        builder.Services.AddEtcdDoor(configure);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            EtcdDoor.ConfigureLimits(kestrel);
            kestrel.ListenShared(IPAddress.Loopback, port);
        });
        var app = builder.Build();
        if (before is not null)
        {
            app.Use((context, next) =>
            {
                before(context);
                return next(context);
            });
        }

        app.MapEtcdDoor();
        app.MapEtcdHttp();
        await app.StartAsync();
        return new DoorHost(app, store, port) { Log = log };
    }

    /// <summary>Stops serving, as a process that is told to end.</summary>
    public Task StopAsync() => app.StopAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5))) await app.StopAsync(limit.Token);
        await app.DisposeAsync();
        Store.Dispose();
    }
}

/// <summary>Keeps what was logged at warning level and above.</summary>
public sealed class LogCounter : ILoggerProvider, ILogger
{
    private readonly List<string> lines = [];

    /// <summary>One line per event.</summary>
    public string[] Lines
    {
        get
        {
            lock (lines) return [.. lines];
        }
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (lines) lines.Add($"{logLevel}: {formatter(state, exception)} {exception}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
