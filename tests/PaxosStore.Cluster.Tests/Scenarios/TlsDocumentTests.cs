using PaxosStore.Cluster.Tests.Processes;

namespace PaxosStore.Cluster.Tests.Scenarios;

/// <summary>The commands of docs/tls.md do what the page says.</summary>
[Collection(ProcessCollection.Name)]
public class TlsDocumentTests
{
    [SkippableFact]
    public async Task Certificates_made_as_the_page_says_serve_a_cluster()
    {
        foreach (var program in (string[])["openssl", "curl", "etcdctl"])
            Programs.Require(program);
        Skip.IfNot(Target.UnderTest.IsEtcd || Programs.Found(File.Exists(Target.ControlAssembly()), Target.ControlAssembly()), "paxosctl is not built");
        await using var world = DocumentedWorld.Open("tls.md");
        await world.RunAsync(async () =>
        {
            Assert.Equal(["certificates", "environment", "renew", "use"], world.Procedures.Order());
            world.Configure();
            await world.RunAsync("certificates");
            await world.ShellAsync("for n in n1 n2 n3; do systemctl start paxosstore@$n; done\nuntil etcdctl endpoint health; do sleep 1; done");
            await world.RunAsync("use");
            await world.ShellAsync("openssl x509 -noout -serial -in /etc/paxosstore/tls/n1.crt >$WORLD/before");
            await world.RunAsync("renew");
            await world.ShellAsync(
                """
                shown() { openssl s_client -connect 10.0.0.1:2379 -cert $ETCDCTL_CERT -key $ETCDCTL_KEY </dev/null 2>/dev/null | openssl x509 -noout -serial; }
                until [ "$(shown)" = "$(openssl x509 -noout -serial -in /etc/paxosstore/tls/n1.crt)" ]; do sleep 1; done
                [ "$(shown)" != "$(cat $WORLD/before)" ]
                """);
            await world.RunAsync("use");
        });
    }
}
