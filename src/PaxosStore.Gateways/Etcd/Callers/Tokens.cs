using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace PaxosStore.Gateways.Etcd.Callers;

/// <summary>
/// Tokens in etcd's simple form: sixteen letters, a dot, a number. Only their digest goes into the log and the state, so neither a journal nor a backup
/// holds anything to sign in with.
/// </summary>
internal static class Tokens
{
    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int LetterCount = 16;

    // 128 bits: as much as the letters hold is found by nobody.
    private const int IdDigits = 32;

    /// <summary>A new token.</summary>
    /// <param name="number">What stands behind the dot; it means nothing.</param>
    internal static string Draw(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{RandomNumberGenerator.GetString(Letters, LetterCount)}.{number}");

    /// <summary>What the state knows the token by.</summary>
    internal static string Id(string token) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)))[..IdDigits];
}
