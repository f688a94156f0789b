/**
 * The environment that has a worker's allocator (glibc's) do as its work wants: large buffers of a state transfer go back to the system
 * when they are freed; what V8's compiler takes in small pieces for a region of guest code, some 20 MiB in all, stays for the next
 * one. Given back and taken again it more than doubles the time of compiling.
 */
export const WORKER_ALLOCATOR = {
  MALLOC_MMAP_THRESHOLD_: String(64 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(32 * 1024 * 1024),
} as const;
