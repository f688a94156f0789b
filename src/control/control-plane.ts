/** The parts of a running control plane, as routes use them. */
import type { FastifyBaseLogger } from "fastify";
import type { Tracer } from "../tracing/tracer.ts";
import type { Arbiter } from "./arbiter.ts";
import type { AuditTrail } from "./audit-trail.ts";
import type { Authenticator } from "./authenticator.ts";
import type { ConsoleHub } from "./consoles/console-hub.ts";
import type { Database } from "./db/database.ts";
import type { EventFeed } from "./db/event-feed.ts";
import type { Presence } from "./db/presence.ts";
import type { ImageCatalogue } from "./image-catalogue.ts";
import type { ImageSharing } from "./image-sharing.ts";
import type { Activity } from "./metrics/activity.ts";
import type { LiveView } from "./presenters/live-view.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { RateSharing } from "./rate-sharing.ts";
import type { Reconciler } from "./reconcile/reconciler.ts";
import type { ControlSettings } from "./settings.ts";
import type { WorkerRegistry } from "./workers/worker-registry.ts";

export interface ControlPlane {
  readonly config: ControlSettings;
  readonly log: FastifyBaseLogger;
  readonly tracer: Tracer;
  readonly database: Database;
  readonly arbiter: Arbiter;
  readonly feed: EventFeed;
  readonly images: ImageCatalogue;
  readonly imageSharing: ImageSharing;
  readonly authenticator: Authenticator;
  readonly rateLimits: RateLimits;
  readonly rateSharing: RateSharing;
  readonly audit: AuditTrail;
  readonly activity: Activity;
  readonly workers: WorkerRegistry;
  /** Runs on the leader alone. */
  readonly reconciler: Reconciler;
  readonly presence: Presence;
  readonly consoles: ConsoleHub;
  readonly live: LiveView;
  /** Aborted when the service begins to stop: waits end, streams close. */
  readonly stopping: AbortSignal;
}
