// Several actor systems with real sockets and disks: side by side they would only slow each other down.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
