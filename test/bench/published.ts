/**
 * The best published number of what a bench measures, by bench and figure. VMFT: Scales, Nelson, Venkitachalam, "The Design of a Practical
 * System for Fault-Tolerant Virtual Machines" (2010), on hosts of their own beside a network of 1 Gbit/s. Remus: Cully and others, NSDI 2008.
 * Elsewhere hosts are others than ours: ratios can be compared, and the orders of the rest.
 */
const PUBLISHED: Readonly<Record<string, string>> = {
  "np/cpu-bound": "1.02 (VMFT)",
  "np/console-bound": "1.06, I/O-bound (VMFT)",
  "log/idle": "62,500 (VMFT)",
  "log/cpu-bound": "187,500 (VMFT)",
  "output-latency/added": "43 to 100 ms (Remus)",
  "lag/cpu-bound": "below 100 (VMFT)",
  "lag/console-bound": "below 100 (VMFT)",
  "failover/kill": "about 1,000 (VMFT)",
  "failover/stop": "seconds (VMFT)",
  "repair/protected-again": "minutes (VMFT)",
  "repair/guest-pause": "below 1,000 (VMFT)",
  "repair/idle-synced": "minutes (VMFT)",
  "repair/idle-pause": "below 1,000 (VMFT)",
  "kills-in-a-row/kills": "none",
  "failover/kill-of-two-backups": "none: one backup",
  "backups/2": "none: one backup",
  "backups/3": "none: one backup",
};

/** @returns null: nobody has published one that could stand beside it */
export function publishedFor(bench: string, name: string): string | null {
  return PUBLISHED[`${bench}/${name}`] ?? null;
}
