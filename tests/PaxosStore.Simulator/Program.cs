using PaxosStore.Simulator;

return CommandLine.Run(args);
