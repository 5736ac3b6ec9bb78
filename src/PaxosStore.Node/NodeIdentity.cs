using System.Collections.Immutable;
using System.Security.Cryptography;
using PaxosStore.Consensus;
using PaxosStore.Node.Journal;

namespace PaxosStore.Node;

/// <summary>Who a node is: decided when its journal is made, and from then on by the journal alone.</summary>
/// <param name="ClusterId">Its cluster.</param>
/// <param name="Self">Its member id.</param>
/// <param name="Incarnation">Drawn when the journal was made.</param>
/// <param name="Forgetful">Records of the journal were lost: others must tell what it may have voted for before it votes again.</param>
internal sealed record NodeIdentity(ulong ClusterId, NodeId Self, ulong Incarnation, bool Forgetful = false)
{
    public IdentityRecord ToRecord(string name) => new(ClusterId, Self.Value, name, Incarnation, Forgetful);

    /// <summary>As its journal has it; journals of earlier versions know no incarnation, their nodes count as never replaced.</summary>
    public static NodeIdentity From(IdentityRecord record) =>
        new(record.ClusterId, new NodeId(record.MemberId), record.Incarnation == 0 ? record.MemberId : record.Incarnation, record.Forgetful);

    /// <summary>A number nobody else has drawn; never 0.</summary>
    public static ulong Draw() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;

    /// <summary>The members that a new cluster is formed of.</summary>
    public static Configuration FirstConfiguration(NodeSettings settings) => new(
        0, Configuration.UsualAlpha,
        settings.InitialCluster.Values.Select(url => new Member(new NodeId(settings.MemberIdOf(url)), MemberKind.Voter, NodeSettings.Text(url))));
}
