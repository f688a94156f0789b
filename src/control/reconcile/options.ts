/** What the loop works with. */
import type { FastifyBaseLogger } from "fastify";
import type { Tracer } from "../../tracing/tracer.ts";
import type { Database } from "../db/database.ts";
import type { ConsoleRetention } from "../domain/console-retention.ts";
import type { Activity } from "../metrics/activity.ts";
import type { ControlSettings } from "../settings.ts";
import type { WorkerRegistry } from "../workers/worker-registry.ts";

export interface ReconcilerOptions {
  readonly database: Database;
  readonly workers: WorkerRegistry;
  readonly settings: ControlSettings;
  readonly log: FastifyBaseLogger;
  readonly tracer: Tracer;
  readonly activity: Pick<Activity, "looked" | "failoverGap">;
  /** One of the control planes on a database reconciles. */
  readonly leads: () => boolean;
  /** Takes over what the guest of a VM that ended wrote last; true when that is done. */
  readonly drainConsole: (vmId: string, retention: ConsoleRetention) => boolean;
}
