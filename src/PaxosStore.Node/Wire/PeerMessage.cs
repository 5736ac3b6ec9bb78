using PaxosStore.Consensus;

namespace PaxosStore.Node.Wire;

/// <summary>A protocol message with where it comes from.</summary>
/// <param name="ClusterId">The sender's cluster; others drop it.</param>
/// <param name="From">Sending node.</param>
/// <param name="Message">What.</param>
internal sealed record PeerMessage(ulong ClusterId, NodeId From, Message Message);
