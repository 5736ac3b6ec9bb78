using System.Globalization;
using System.Text;

namespace PaxosStore.Gateways.Etcd.Metrics;

/// <summary>Prometheus' text format.</summary>
internal sealed class MetricsText
{
    /// <summary>Its media type.</summary>
    internal const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder text = new();

    internal void Gauge(string name, string help, double value, string labels = "")
    {
        Head(name, help, "gauge");
        Sample(name, labels, value);
    }

    internal void Counter(string name, string help, double value)
    {
        Head(name, help, "counter");
        Sample(name, "", value);
    }

    /// <summary>Says what the samples that follow are.</summary>
    internal void Head(string name, string help, string type) => text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    /// <summary>Writes one value; <paramref name="labels"/> stand as they are written between the braces.</summary>
    internal void Sample(string name, string labels, double value) =>
        text.Append(CultureInfo.InvariantCulture, $"{name}{(labels.Length == 0 ? "" : $"{{{labels}}}")} {value:R}\n");

    /// <summary>Writes the samples of a histogram.</summary>
    internal void Samples(string name, string labels, Histogram histogram)
    {
        var (prefix, counts) = (labels.Length == 0 ? "" : labels + ",", histogram.Cumulative());
        for (var i = 0; i < counts.Length; i++)
        {
            var bound = i < histogram.Bounds.Count ? histogram.Bounds[i].ToString("R", CultureInfo.InvariantCulture) : "+Inf";
            Sample(name + "_bucket", $"{prefix}le=\"{bound}\"", counts[i]);
        }

        Sample(name + "_sum", labels, histogram.Sum);
        Sample(name + "_count", labels, counts[^1]);
    }

    public override string ToString() => text.ToString();
}
