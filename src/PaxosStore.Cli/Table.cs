using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace PaxosStore.Cli;

/// <summary>Rows for people, or the same for programs.</summary>
internal sealed class Table(params string[] columns)
{
    private static readonly JsonWriterOptions JsonOptions = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<object[]> rows = [];

    /// <summary>Adds a row: text, whole numbers, or yes and no.</summary>
    internal void Add(params object[] cells) => rows.Add(cells);

    /// <summary>All rows: an array of objects, or one object where there can be but one row.</summary>
    internal string Render(bool json, bool single = false) => json ? Json(single) : Text();

    private string Text()
    {
        var shown = rows.Select(row => row.Select(Shown).ToArray()).Prepend(columns).ToArray();
        var widths = columns.Select((_, column) => shown.Max(row => row[column].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var row in shown)
        {
            text.AppendJoin("  ", row.Select((cell, column) => cell.PadRight(widths[column])));
            while (text[^1] == ' ') text.Length--;
            text.Append('\n');
        }

        return text.ToString();
    }

    private string Json(bool single)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, JsonOptions))
        {
            if (!single) writer.WriteStartArray();
            foreach (var row in rows) WriteRow(writer, row);
            if (!single) writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    private void WriteRow(Utf8JsonWriter writer, object[] row)
    {
        writer.WriteStartObject();
        for (var i = 0; i < row.Length; i++)
        {
            writer.WritePropertyName(columns[i].Replace(' ', '_'));
            switch (row[i])
            {
                case bool yes:
                    writer.WriteBooleanValue(yes);
                    break;
                case long number:
                    writer.WriteNumberValue(number);
                    break;
                case ulong number:
                    writer.WriteNumberValue(number);
                    break;
                default:
                    writer.WriteStringValue(row[i].ToString());
                    break;
            }
        }

        writer.WriteEndObject();
    }

    private static string Shown(object cell) => cell switch
    {
        bool yes => yes ? "yes" : "no",
        "" => "-",
        _ => Convert.ToString(cell, CultureInfo.InvariantCulture) ?? "-",
    };
}
