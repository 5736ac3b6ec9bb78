using System.Collections;
using PaxosStore.Server.Hosting;

var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
    .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal);
return await Lifecycle.MainAsync(args, environment, Console.Out, Console.Error);
