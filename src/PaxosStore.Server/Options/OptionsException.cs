namespace PaxosStore.Server.Options;

/// <summary>The options can't be used; the message tells the operator which one, why, and what is expected.</summary>
internal sealed class OptionsException(string message) : Exception(message);

/// <summary>A value with the place it came from, for messages.</summary>
/// <param name="Value">Checked and in the form the node reads.</param>
/// <param name="Source">Such as <c>--name</c> or <c>environment variable PAXOSSTORE_NAME</c>.</param>
internal readonly record struct Given(string Value, string Source);
