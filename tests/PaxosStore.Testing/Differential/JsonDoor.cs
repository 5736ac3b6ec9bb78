using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;

namespace PaxosStore.Testing.Differential;

/// <summary>What a client of the JSON gateway gets to see.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="ContentType">Media type.</param>
/// <param name="Body">The whole body, or as many lines of it as were waited for.</param>
public sealed record JsonAnswer(int Status, string ContentType, string Body);

/// <summary>A client of the JSON gateway as simple as curl.</summary>
public sealed partial class JsonDoor(string endpoint)
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(20) };

    /// <summary>Posts a body and reads the answer: to its end, or that many lines of a stream that has none.</summary>
    public async Task<JsonAnswer> PostAsync(string path, string body, int lines = 0, string method = "POST", params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), endpoint + path) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var answer = new JsonAnswer((int)response.StatusCode, response.Content.Headers.ContentType?.ToString() ?? "", "");
        if (lines == 0) return answer with { Body = await response.Content.ReadAsStringAsync() };
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        return answer with { Body = await LinesAsync(reader, lines) };
    }

    /// <summary>Gets a page.</summary>
    public async Task<JsonAnswer> GetAsync(string path)
    {
        using var response = await Http.GetAsync(endpoint + path);
        return new JsonAnswer((int)response.StatusCode, response.Content.Headers.ContentType?.ToString() ?? "", await response.Content.ReadAsStringAsync());
    }

    private static async Task<string> LinesAsync(StreamReader reader, int lines)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var read = new StringBuilder();
        try
        {
            for (var i = 0; i < lines; i++) read.Append(await reader.ReadLineAsync(limit.Token)).Append('\n');
        }
        catch (OperationCanceledException)
        {
            read.Append("(silence)");
        }

        return read.ToString();
    }

    /// <summary>The body without what differs between any two clusters.</summary>
    public static string Comparable(string body) => Identities().Replace(body, "\"$1\":\"*\"");

    [GeneratedRegex("\"(cluster_id|member_id|raft_term|memberID)\":\"[0-9]+\"")]
    private static partial Regex Identities();
}
