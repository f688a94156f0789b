/**
 * Control planes on one database let through as many calls together as one alone: each tells the others what it has let through, once
 * that is a share of what may be asked for at once, and takes off its own buckets what it hears.
 *
 *     took --a share of a burst is untold--> due --at once, or so long after the last time--> told (NOTIFY) --> heard by the others
 *
 * No call waits for that, and none is refused for want of it: where the database does not answer, each counts for itself until it does.
 * What they let through before they have heard, they owe.
 */
import { EventEmitter } from "node:events";
import type { FastifyBaseLogger } from "fastify";
import type { Database } from "./db/database.ts";
import type { EventFeed } from "./db/event-feed.ts";
import { LIMIT_NAMES, type LimitName, type RateLimits } from "./rate-limits.ts";

const CHANNEL = "understudy_rates";
/** Of a burst: who is asked seldom, as nearly everybody is, tells nobody anything. */
const SHARE = 1 / 20;
/** Between two notifications. */
const INTERVAL_MS = 100;
/** Postgres takes 8,000 bytes. */
const PAYLOAD_MAX = 7900;

/** Limit, key, and how many calls of it. */
type Told = readonly [LimitName, string, number];

interface SharingParts {
  readonly database: Pick<Database, "query">;
  readonly feed: Pick<EventFeed, "hear">;
  /** Of this control plane among the others. */
  readonly instance: number;
  readonly limits: RateLimits;
  readonly log: Pick<FastifyBaseLogger, "debug">;
}

interface SharingEvents {
  /** What another one has let through is taken off. */
  heard: [readonly Told[]];
}

export class RateSharing extends EventEmitter<SharingEvents> {
  private timer: NodeJS.Timeout | undefined;
  private telling: Promise<void> = Promise.resolve();
  private toldMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(private readonly parts: SharingParts) {
    super();
    parts.feed.hear(CHANNEL, (payload) => this.hear(payload));
  }

  /** A call was let through. */
  took(limit: LimitName, key: string): void {
    if (this.timer === undefined && !this.closed && this.parts.limits[limit].untold(key) >= this.shareOf(limit)) this.tellSoon();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.telling;
  }

  private shareOf(limit: LimitName): number {
    return Math.max(1, Math.floor(this.parts.limits[limit].policy.burst * SHARE));
  }

  private tellSoon(): void {
    const waitMs = Math.max(0, this.toldMs + INTERVAL_MS - performance.now());
    this.timer = setTimeout(() => {
      this.telling = this.tell().then(
        () => {
          this.timer = undefined;
          if (!this.closed && this.due().length > 0) this.tellSoon();
        },
        (error: unknown) => {
          // The next call tries again.
          this.timer = undefined;
          this.parts.log.debug({ err: error }, "the other control planes do not hear of the calls here");
        },
      );
    }, waitMs);
  }

  private due(): readonly Told[] {
    const { limits } = this.parts;
    return LIMIT_NAMES.flatMap((limit) => limits[limit].untoldFrom(this.shareOf(limit)).map(([key, count]): Told => [limit, key, count]));
  }

  private async tell(): Promise<void> {
    this.toldMs = performance.now();
    const { database, instance, limits } = this.parts;
    for (const told of pagesOf(this.due())) {
      await database.query("SELECT pg_notify($1, $2)", [CHANNEL, JSON.stringify({ from: instance, told })]);
      // What was let through meanwhile is told the next time.
      for (const [limit, key, count] of told) limits[limit].told(key, count);
    }
  }

  private hear(payload: string): void {
    const { instance, limits, log } = this.parts;
    const message = readMessage(payload);
    if (message === null) log.debug({ payload }, "what another control plane says of its calls is not understood");
    if (message === null || message.from === instance) return;
    const nowMs = performance.now();
    for (const [limit, key, count] of message.told) limits[limit].spend(key, count, nowMs);
    this.emit("heard", message.told);
  }
}

/** As many of them at once as a notification holds. */
function pagesOf(all: readonly Told[]): readonly (readonly Told[])[] {
  const pages: Told[][] = [];
  let room = 0;
  for (const told of all) {
    const bytes = Buffer.byteLength(JSON.stringify(told)) + 1;
    if (bytes > room || pages.length === 0) {
      pages.push([]);
      room = PAYLOAD_MAX - 64;
    }
    pages.at(-1)?.push(told);
    room -= bytes;
  }
  return pages;
}

/** @returns null where it is not what this version says; of limits that it does not know, nothing */
function readMessage(payload: string): { readonly from: number; readonly told: readonly Told[] } | null {
  try {
    const { from, told } = JSON.parse(payload) as { readonly from?: unknown; readonly told?: unknown };
    if (typeof from !== "number" || !Array.isArray(told)) return null;
    return { from, told: told.filter(isTold) };
  } catch {
    return null;
  }
}

function isTold(value: unknown): value is Told {
  if (!Array.isArray(value)) return false;
  const [limit, key, count] = value as readonly unknown[];
  return LIMIT_NAMES.some((name) => name === limit) && typeof key === "string" && Number.isSafeInteger(count) && (count as number) > 0;
}
