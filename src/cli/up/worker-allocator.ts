/**
 * The environment that has a worker's allocator (glibc's) do as its work wants: what is above 1 MiB goes back to the system when it is
 * freed; the buffers of a state transfer, half that size and each used for some milliseconds, and what V8's compiler takes in small
 * pieces for a region of guest code, some 20 MiB in all, stay for the next one. Given back and taken again they cost page faults: more
 * than half of the time of compiling, and of a transfer. A replica's thread allocates next to nothing, and needs no heap of its own for it, which
 * would keep what a transfer has left there.
 */
export const WORKER_ALLOCATOR = {
  MALLOC_MMAP_THRESHOLD_: String(1024 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(32 * 1024 * 1024),
  MALLOC_ARENA_MAX: "4",
} as const;
