/**
 * In pages of which sizes Linux gives a process memory that does not ask for them (Documentation/admin-guide/mm/transhuge.rst).
 *
 * A guest's memory is many pages of 4 KiB, which the system frees one by one when a process is killed, before it closes its sockets: of
 * larger pages there are fewer, and peers hear of the death so much earlier. The setting is the host's, so its operator's.
 */
import { readdirSync, readFileSync } from "node:fs";

export const HUGE_PAGES_FOLDER = "/sys/kernel/mm/transparent_hugepage";

/** @returns KiB, in ascending order; none: all is in pages of 4 KiB; null: the system says nothing of it */
export function hugePageSizesKiB(folder = HUGE_PAGES_FOLDER): readonly number[] | null {
  const setting = settingIn(folder);
  if (setting === null) return null;
  const sizes = readdirSync(folder).flatMap((name) => /^hugepages-(\d+)kB$/.exec(name)?.[1] ?? []);
  // Before Linux 6.8 there is the one size.
  if (sizes.length === 0) return setting === "always" ? [Number(readFileSync(`${folder}/hpage_pmd_size`, "utf8")) / 1024] : [];
  const isTaken = (size: string): boolean => {
    const own = settingIn(`${folder}/hugepages-${size}kB`);
    return own === "always" || (own === "inherit" && setting === "always");
  };
  return sizes
    .filter(isTaken)
    .map(Number)
    .sort((a, b) => a - b);
}

/** @returns the word in brackets: `always`, `inherit`, `madvise` or `never`; null: there is none */
function settingIn(folder: string): string | null {
  try {
    return /\[(\w+)\]/.exec(readFileSync(`${folder}/enabled`, "utf8"))?.[1] ?? null;
  } catch {
    return null;
  }
}
