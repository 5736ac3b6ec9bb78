using Akka.Actor;
using Akka.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace PaxosStore.Node.Tests.Storage;

/// <summary>A data directory and an ActorSystem on it, with a node's own persistence configuration but without network; can be stopped and started again.</summary>
internal sealed class StorageSystem
{
    private const string WithoutNetwork = """
        akka.actor.provider = local
        """;

    private readonly NodeSettings _settings;
    private DataDirectory _directory;

    public StorageSystem(string path, string postgres = "")
    {
        _settings = TestNode.Settings($"data-dir = \"{path}\"") with
        {
            AkkaOverrides = ConfigurationFactory.ParseString(WithoutNetwork),
            StorageProvider = postgres.Length > 0 ? StorageProvider.PostgreSql : StorageProvider.Sqlite,
            StorageConnection = postgres,
        };
        (_directory, System) = Start();
    }

    public ActorSystem System { get; private set; }

    public DataDirectory Directory => _directory;

    public async Task RestartAsync()
    {
        await StopAsync();
        (_directory, System) = Start();
    }

    public async Task StopAsync()
    {
        await System.Terminate();
        _directory.Dispose();
    }

    private (DataDirectory, ActorSystem) Start()
    {
        var directory = DataDirectory.Open(_settings, NullLogger.Instance);
        return (directory, ActorSystem.Create("storage", AkkaConfig.Setup(_settings, directory.Storage)));
    }
}
