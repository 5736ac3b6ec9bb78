using System.ComponentModel;
using System.Runtime.InteropServices;

namespace PaxosStore.Cluster.Tests.Processes;

/// <summary>Unix signals, sent to one process.</summary>
internal static partial class Signals
{
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    /// <summary>Sends the signal, or throws with the system's reason.</summary>
    public static void Send(int pid, int signal)
    {
        if (KillProcess(pid, signal) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"kill -{signal} {pid}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int KillProcess(int pid, int signal);
}
