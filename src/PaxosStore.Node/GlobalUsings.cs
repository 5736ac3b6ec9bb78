global using PaxosStore.Kv;
