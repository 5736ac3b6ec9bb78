/*
 * Preloaded into a node: its calls that write files or make them durable are counted over all threads, and at the Nth (PAXOSSTORE_KILL_AT) the process
 * ends as by kill -9. A write that is hit is half done; a flush that is hit is not done. (strace can do the like, but counts thread by thread.)
 *
 * Without headers and start files, so that it compiles where there is nothing but gcc.
 */
#if defined(__x86_64__)
enum { PWRITE = 18, GETPID = 39, KILL = 62, FSYNC = 74, FDATASYNC = 75 };
#elif defined(__aarch64__)
enum { PWRITE = 68, GETPID = 172, KILL = 129, FSYNC = 82, FDATASYNC = 83 };
#else
#error "which numbers have the system calls here?"
#endif

extern long syscall(long number, ...);
extern char *getenv(const char *name);
extern int atoi(const char *text);

static int calls;
static int limit;

__attribute__((constructor)) static void read_limit(void)
{
    const char *text = getenv("PAXOSSTORE_KILL_AT");
    limit = text ? atoi(text) : 0;
}

static int is_hit(void) { return limit > 0 && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == limit; }

static void die(void)
{
    syscall(KILL, syscall(GETPID), 9);
    for (;;)
        ;
}

int fsync(int file)
{
    if (is_hit())
        die();
    return (int)syscall(FSYNC, file);
}

int fdatasync(int file)
{
    if (is_hit())
        die();
    return (int)syscall(FDATASYNC, file);
}

long pwrite64(int file, const void *bytes, unsigned long count, long offset)
{
    if (is_hit()) {
        syscall(PWRITE, file, bytes, count / 2, offset);
        die();
    }
    return syscall(PWRITE, file, bytes, count, offset);
}
