/** Puts the parts of a control plane together; `start` connects them to the database and to time. */
import type { FastifyBaseLogger } from "fastify";
import type pg from "pg";
import { NO_TRACER, type Tracer } from "../tracing/tracer.ts";
import { Arbiter } from "./arbiter.ts";
import { AuditTrail } from "./audit-trail.ts";
import { Authenticator } from "./authenticator.ts";
import { ConsoleHub } from "./consoles/console-hub.ts";
import type { ControlPlane } from "./control-plane.ts";
import { Database } from "./db/database.ts";
import { EventFeed } from "./db/event-feed.ts";
import { ForeignEvents } from "./db/foreign-events.ts";
import { Presence } from "./db/presence.ts";
import { beginAuditEntry } from "./db/queries/audit-log.ts";
import { ImageCatalogue } from "./image-catalogue.ts";
import { ImageSharing } from "./image-sharing.ts";
import { Activity } from "./metrics/activity.ts";
import { rateLimitsOf } from "./rate-limits.ts";
import { RateSharing } from "./rate-sharing.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { type ControlSettings, DEFAULT_SETTINGS } from "./settings.ts";
import { traceEndedWork } from "./trace-ended-work.ts";
import { cutOffFenced } from "./workers/cut-off.ts";
import { WorkerRegistry } from "./workers/worker-registry.ts";

export interface ControlPlaneOptions {
  readonly connection: pg.PoolConfig;
  /** Folder of the image store. */
  readonly imageStore: string;
  readonly log: FastifyBaseLogger;
  /** Default: nothing is traced. It is closed by whoever opened it. */
  readonly tracer?: Tracer;
  readonly settings?: Partial<ControlSettings>;
  readonly queryTimeoutMs?: number;
  /** Connections to the database, besides those of the arbiter, of the event feed and of the leader's lock. */
  readonly poolSize?: number;
}

export interface CreatedControlPlane {
  readonly parts: ControlPlane;
  /** The database must be migrated. */
  start(): Promise<void>;
  /** Ends waits and streams, so that requests in progress come to their end. */
  beginStopping(): void;
  close(): Promise<void>;
}

export function createControlPlane(options: ControlPlaneOptions): CreatedControlPlane {
  const { log, tracer = NO_TRACER } = options;
  const config = { ...DEFAULT_SETTINGS, ...options.settings };
  const database = new Database({
    connection: options.connection,
    ...(options.queryTimeoutMs === undefined ? {} : { queryTimeoutMs: options.queryTimeoutMs }),
    ...(options.poolSize === undefined ? {} : { poolSize: options.poolSize }),
    tracer,
    onIdleError: (error) => log.debug({ err: error }, "an idle database connection broke"),
    beginAuditEntry: (db, call) => beginAuditEntry(db, call, presence.instance),
  });
  const activity = new Activity();
  database.onCommitted((events) => activity.committed(events));
  if (tracer.enabled) traceEndedWork(database, tracer);
  const feed = new EventFeed(database);
  const workers = new WorkerRegistry(config);
  database.onCommitted((events) => cutOffFenced(workers, events, log));
  const presence = new Presence(database);
  const rateLimits = rateLimitsOf(config);
  const rateSharing = new RateSharing({ database, feed, instance: presence.instance, limits: rateLimits, log });
  const audit = new AuditTrail({ database, presence, settings: config, log });
  const consoles = new ConsoleHub({ database, presence, workers, audit, activity, settings: config, log });
  const images = new ImageCatalogue(database, options.imageStore, log);
  const imageSharing = new ImageSharing({ database, images, presence, settings: config, log });
  database.onCommitted((events) => imageSharing.heard(events));
  const reconciler = new Reconciler({
    database,
    workers,
    settings: config,
    log,
    tracer,
    activity,
    leads: () => presence.isLeader,
    drainConsole: (vmId, retention) => consoles.drained(vmId, retention),
  });
  const foreign = new ForeignEvents(database, feed, (events) => {
    feed.heard(events);
    consoles.committedElsewhere(events);
    parts.authenticator.heard(events);
    parts.images.heard(events);
    imageSharing.heard(events);
    cutOffFenced(workers, events, log);
    reconciler.kick();
  });
  presence.on("elected", () => {
    log.info({ instance: presence.instance }, "this control plane reconciles");
    reconciler.start();
  });
  presence.on("deposed", () => {
    log.warn({ instance: presence.instance }, "this control plane does not reconcile any more, until it is elected again");
    activity.deposed();
    void reconciler.stop();
  });
  const stopping = new AbortController();
  const parts: ControlPlane = {
    config,
    log,
    tracer,
    database,
    arbiter: new Arbiter(database),
    feed,
    images,
    imageSharing,
    authenticator: new Authenticator(database),
    rateLimits,
    rateSharing,
    audit,
    activity,
    workers,
    consoles,
    reconciler,
    presence,
    live: {
      report: (replicaId) => workers.lastReport(replicaId),
      logBytesPerSecond: (replicaId) => workers.logBytesPerSecond(replicaId),
      lastHeartbeatAt: (workerId) => workers.lastHeardAt(workerId),
      waitsForArbiter: (workerId) => workers.waitsForArbiter(workerId),
      consoleWriter: (vmId) => consoles.writerOf(vmId),
    },
    stopping: stopping.signal,
  };
  return {
    parts,
    start: async () => {
      await feed.start();
      await parts.images.refresh();
      await parts.images.sweep();
      await foreign.start();
      await consoles.start();
      workers.open();
      await presence.start();
      imageSharing.start();
    },
    beginStopping: () => {
      stopping.abort();
      feed.wake();
      consoles.close();
      workers.close();
    },
    close: async () => {
      stopping.abort();
      await imageSharing.close();
      await rateSharing.close();
      await parts.audit.close();
      await presence.close();
      await reconciler.stop();
      await foreign.close();
      consoles.close();
      workers.close();
      await feed.close();
      await database.close();
    },
  };
}
