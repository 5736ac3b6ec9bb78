namespace PaxosStore.Testing.Differential;

/// <summary>
/// Sends random JSON, in every spelling the gateway understands, to two fresh etcd endpoints and compares the answers byte for byte. The first endpoint is
/// right by definition.
/// </summary>
public sealed class JsonDifferentialRun(string endpointA, string endpointB, int seed, int operations)
{
    private const int MostDifferences = 10;

    /// <summary>Runs it; stops early after a handful of differences, since the rest would only be their consequence.</summary>
    public async Task<Report> RunAsync(CancellationToken cancellation = default)
    {
        var report = new Report(seed);
        var (reference, tested) = (new JsonDoor(endpointA), new JsonDoor(endpointB));
        var generator = new JsonGenerator(new Random(seed));
        while (report.Operations < operations && report.Differences.Count < MostDifferences && report.ReferenceLost is null)
        {
            cancellation.ThrowIfCancellationRequested();
            var (path, body) = generator.Next();
            report.Begin("KV", path);
            try
            {
                var expected = await reference.PostAsync(path, body);
                var actual = Comparable(await tested.PostAsync(path, body));
                if (expected.Status == 412) report.Exempt(NamedExceptions.PreconditionStatus);
                if (Comparable(expected) is var right && right != actual) report.Differ(path, body, right.ToString(), actual.ToString());
            }
            catch (HttpRequestException e)
            {
                report.Lose(path, body, e.Message);
            }
        }

        return report;
    }

    /// <summary>
    /// What two right servers answer alike. A failed precondition was HTTP status 412 in etcd 3.4, and is 400 in later ones. Where the text of an error names
    /// the place of a syntax error, it does not count.
    /// </summary>
    public static JsonAnswer Comparable(JsonAnswer answer, bool textCounts = true)
    {
        var body = JsonDoor.Comparable(answer.Body);
        if (!textCounts && body.StartsWith("{\"error\"", StringComparison.Ordinal)) body = body[body.LastIndexOf(',')..];
        return answer with { Status = answer.Status == 412 ? 400 : answer.Status, Body = body };
    }
}
