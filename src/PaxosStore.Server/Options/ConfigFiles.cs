using System.Text.RegularExpressions;
using Akka.Configuration;
using Akka.Configuration.Hocon;

namespace PaxosStore.Server.Options;

/// <summary>Reads a HOCON file so that every mistake in it is named with the file and, where it can be told, the line.</summary>
internal static partial class ConfigFiles
{
    /// <summary>Key below which the options stand.</summary>
    internal const string Root = "paxosstore";

    /// <exception cref="OptionsException">The file can't be read.</exception>
    internal static string Text(string path, string source)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new OptionsException($"{source}: can't read {path}: {e.Message}");
        }
    }

    /// <exception cref="OptionsException">The text is not HOCON.</exception>
    internal static Config Parse(string text, string path)
    {
        // The parser reads some of these as something else without a word.
        if (Trap(text) is { } trap) throw new OptionsException($"{path}{trap}");
        try
        {
            return ConfigurationFactory.ParseString(text);
        }
#pragma warning disable CA1031 // The parser throws plain exceptions of many types; each means that the text is not HOCON.
        catch (Exception e)
#pragma warning restore CA1031
        {
            throw new OptionsException($"{path}: not valid HOCON: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>The options the file sets, checked.</summary>
    /// <exception cref="OptionsException">A key is unknown or a value is bad.</exception>
    internal static Dictionary<string, Given> Values(Config config, string path)
    {
        var values = new Dictionary<string, Given>(StringComparer.Ordinal);
        var known = OptionTable.All.Where(option => option.InFile).ToArray();
        CheckTopLevel(config, path);
        if (!config.HasPath(Root)) return values;
        var section = config.GetValue(Root);
        if (!section.IsObject()) throw new OptionsException($"{path}: '{Root}' must be a section: {Root} {{ ... }}");
        foreach (var key in section.GetObject().Items.Keys)
        {
            if (known.Any(option => option.Name == key)) continue;
            var near = Nearest.Find(key, known.Select(option => option.Name));
            throw new OptionsException($"{path}: unknown key {Root}.{key}" + (near is null ? "" : $"; did you mean {near}?"));
        }

        foreach (var option in known)
        {
            var key = $"{Root}.{option.Name}";
            if (!config.HasPath(key)) continue;
            values[option.Name] = OptionValue.Check(option, Text(config.GetValue(key), key, path), $"{path}: {key}");
        }

        return values;
    }

    private static void CheckTopLevel(Config config, string path)
    {
        if (config.Root?.IsObject() != true) return;
        foreach (var key in config.Root.GetObject().Items.Keys)
        {
            if (key is Root or "akka") continue;
            var option = OptionTable.Find(key);
            throw new OptionsException(option is null
                ? $"{path}: unknown section '{key}'; the options stand in {Root} {{ ... }}"
                : $"{path}: '{key}' must stand inside {Root} {{ ... }}");
        }
    }

    private static string Text(HoconValue value, string key, string path)
    {
        if (value.IsArray()) return string.Join(',', value.GetStringList());
        return value.IsString() ? value.GetString() : throw new OptionsException($"{path}: {key} must be one value");
    }

    /// <summary>What this HOCON parser trips over without saying where.</summary>
    private static string? Trap(string text)
    {
        var (braces, brackets, number) = (0, 0, 0);
        foreach (var raw in text.ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            if (raw.Contains("\"\"\"", StringComparison.Ordinal)) return null;
            var line = QuotedPattern().Replace(raw, "\"\"");
            line = CommentPattern().Replace(line, "");
            if (line.Count(c => c == '"') % 2 != 0) return $", line {number}: a quotation mark is not closed";
            if (UrlWithoutQuotes(line)) return $", line {number}: put the address in quotation marks";
            if (line.Contains("${", StringComparison.Ordinal) && EnvironmentPattern().IsMatch(line))
            {
                return $", line {number}: environment variables are not substituted in the file; set PAXOSSTORE_<OPTION> instead";
            }

            if (IncludePattern().IsMatch(line)) return $", line {number}: 'include' is not supported";
            braces += Balance(line, '{', '}');
            brackets += Balance(line, '[', ']');
            if (braces < 0 || brackets < 0) return $", line {number}: this closing {(braces < 0 ? "brace" : "bracket")} has no opening one";
        }

        if (braces > 0) return $": {braces} closing brace(s) missing";
        return brackets > 0 ? $": {brackets} closing bracket(s) missing" : null;
    }

    private static int Balance(string line, char opening, char closing) => line.Count(c => c == opening) - line.Count(c => c == closing);

    // After the comment "//..." is cut off, an unquoted address leaves its scheme behind.
    private static bool UrlWithoutQuotes(string line) => SchemePattern().IsMatch(line);

    [GeneratedRegex("\"(\\\\.|[^\"\\\\])*\"")]
    private static partial Regex QuotedPattern();

    [GeneratedRegex("(#|//).*$")]
    private static partial Regex CommentPattern();

    [GeneratedRegex(@"https?:\s*$")]
    private static partial Regex SchemePattern();

    [GeneratedRegex(@"\$\{\??[A-Z_]{2,}[A-Z0-9_]*\}")]
    private static partial Regex EnvironmentPattern();

    [GeneratedRegex(@"^\s*include\s")]
    private static partial Regex IncludePattern();
}
