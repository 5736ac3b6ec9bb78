using Akka.Configuration;
using Akka.TestKit.Xunit2;

namespace PaxosStore.Node.Tests;

/// <summary>A test kit that gives what must come the time a busy machine may need; only what never comes takes it.</summary>
public abstract class PatientTestKit(Config? config = null) : TestKit(Patience.WithFallback(config ?? Config.Empty))
{
    private static readonly Config Patience = ConfigurationFactory.ParseString("""
        akka.test {
          single-expect-default = 30s
          default-timeout = 30s
        }
        """);
}
