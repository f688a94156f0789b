/**
 * What Linux says in /sys/kernel/mm/transparent_hugepage/enabled: for whose memory it takes pages of 2 MiB.
 *
 * A guest's memory is many pages, which the system frees one by one when a process is killed, before it closes its sockets: of huge
 * pages there are 512 times fewer, and peers hear of the death so much earlier.
 */
export const HUGE_PAGES_FILE = "/sys/kernel/mm/transparent_hugepage/enabled";

/** @returns `always`, `madvise` or `never`; null: the text is of another form */
export function hugePagesSetting(text: string): string | null {
  return /\[(\w+)\]/.exec(text)?.[1] ?? null;
}
