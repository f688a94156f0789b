/** What the threads of a soak say to its main thread. */
import type { RegionStatistics } from "../../src/engine/regions.ts";
import type { CompileLine } from "../../src/worker/compile-messages.ts";

/** What a thread's guests do (guests.ts). */
export const GUEST_KINDS = ["linux", "hostile", "visitors"] as const;
export type GuestKind = (typeof GUEST_KINDS)[number];

export interface GuestThreadData {
  readonly kind: GuestKind;
  readonly seed: number;
  readonly compiler: CompileLine;
}

/** A round of a guest's work was done, and what came of it was right. */
export interface GuestProgress {
  readonly statistics: RegionStatistics;
}
