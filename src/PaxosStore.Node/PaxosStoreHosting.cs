using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace PaxosStore.Node;

/// <summary>Puts a node into a .NET host.</summary>
public static class PaxosStoreHosting
{
    /// <summary>Registers a node as <see cref="IKvStore"/> and <see cref="INodeLifetime"/>; it starts with the container's first use and stops with the host.</summary>
    public static IServiceCollection AddPaxosStore(this IServiceCollection services, NodeSettings settings)
    {
        services.AddSingleton(provider => PaxosNode.Start(settings, provider.GetRequiredService<ILoggerFactory>().CreateLogger("PaxosStore.Node")));
        services.AddSingleton<INodeLifetime>(provider => provider.GetRequiredService<PaxosNode>());
        services.AddSingleton(provider => provider.GetRequiredService<PaxosNode>().Store);
        services.AddSingleton(provider => provider.GetRequiredService<PaxosNode>().Admin);
        services.AddHostedService<NodeService>();
        return services;
    }

    /// <summary>Makes the host start the node, and stop it in time.</summary>
    private sealed class NodeService(PaxosNode node) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => node.DisposeAsync().AsTask();
    }
}
