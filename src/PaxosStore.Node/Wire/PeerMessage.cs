using PaxosStore.Consensus;

namespace PaxosStore.Node.Wire;

/// <summary>A protocol message with where it comes from.</summary>
/// <param name="ClusterId">The sender's cluster; others drop it.</param>
/// <param name="From">Sending node.</param>
/// <param name="Message">What.</param>
internal sealed record PeerMessage(ulong ClusterId, NodeId From, Message Message);

/// <summary>The state of the sender after a slot: nodes that applied the same log have the same.</summary>
/// <param name="Slot">After which slot.</param>
/// <param name="Checksum">See <see cref="KvView.Checksum"/>.</param>
internal sealed record StateChecksum(Slot Slot, UInt128 Checksum) : Message;

/// <summary>A node that starts for the first time in a cluster that exists asks who it is there.</summary>
/// <param name="Token">Its cluster token.</param>
/// <param name="PeerUrl">Where its peers reach it: that is how the cluster knows it.</param>
/// <param name="Incarnation">Drawn for its new journal.</param>
internal sealed record JoinRequest(string Token, string PeerUrl, ulong Incarnation);

/// <summary>Answer to <see cref="JoinRequest"/>.</summary>
/// <param name="ClusterId">The cluster.</param>
/// <param name="MemberId">Who the asking node is; 0 when refused.</param>
/// <param name="Base">What governs now; the log itself comes later.</param>
/// <param name="Refusal">Why not, for the operator; empty when welcome.</param>
internal sealed record JoinAnswer(ulong ClusterId, ulong MemberId, LogBase? Base, string Refusal);
