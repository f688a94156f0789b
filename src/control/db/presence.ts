/**
 * This control plane among those on the same database: a session of its own there, which holds advisory locks.
 *
 *     away --connected, and known by its own lock--> follower --the leader's lock was free--> leader
 *       ^-------- the session ended, or a question was not answered in time -----'-----------------'
 *
 * Locks go with the session, so they tell who is there: a process that dies gives its own back at once, and one that stands still
 * is parted from its session by the server after a while. The leader knows that time, and does not believe in itself beyond it.
 */
import { randomInt } from "node:crypto";
import { EventEmitter } from "node:events";
import type pg from "pg";
import type { Database } from "./database.ts";

/** First key of the locks, which nobody else uses in this database; the second is 0 for the leader's, else an instance's. */
const LOCK_CLASS = 0x756e6470;
const LEADER = 0;
const INSTANCE_MAX = 0x7fff_ffff;
/** How often the session is used. */
const TICK_MS = 400;
/** The server ends a session that is not used for so long. */
const IDLE_MS = 1500;
const RECONNECT_MS = 100;

interface PresenceEvents {
  elected: [];
  deposed: [];
}

export class Presence extends EventEmitter<PresenceEvents> {
  /** Names this process to the others, for as long as it runs. */
  readonly instance = randomInt(1, INSTANCE_MAX);
  private client: pg.Client | null = null;
  private leads = false;
  /** When the session was last used with success. */
  private usedMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly database: Database) {
    super();
  }

  /** Resolves after the first attempt, whatever came of it; later ones follow by themselves. */
  async start(): Promise<void> {
    await this.connect();
  }

  get isLeader(): boolean {
    return this.leads && performance.now() - this.usedMs < IDLE_MS;
  }

  /** Control planes whose sessions stand. */
  async present(): Promise<ReadonlySet<number>> {
    const { rows } = await this.database.query<{ instance: string }>(
      `SELECT objid AS instance FROM pg_locks
       WHERE locktype = 'advisory' AND classid = $1 AND objid <> $2 AND objsubid = 2 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [LOCK_CLASS, LEADER],
    );
    return new Set(rows.map(({ instance }) => Number(instance)));
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = null;
    this.depose();
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    if (this.closed) return;
    const client = this.database.newClient({ application_name: "understudy-presence" });
    client.on("error", () => this.lose(client));
    client.on("end", () => this.lose(client));
    this.client = client;
    try {
      await client.connect();
      await client.query(`SET idle_session_timeout = ${IDLE_MS}`);
      await client.query("SELECT pg_advisory_lock($1, $2)", [LOCK_CLASS, this.instance]);
      await this.tick(client);
    } catch {
      this.lose(client);
    }
  }

  private async tick(client: pg.Client): Promise<void> {
    const askedMs = performance.now();
    if (this.leads) {
      await client.query("SELECT 1");
    } else {
      const { rows } = await client.query<{ won: boolean }>("SELECT pg_try_advisory_lock($1, $2) AS won", [LOCK_CLASS, LEADER]);
      if (this.client !== client) return;
      if (rows[0]?.won === true) {
        this.usedMs = askedMs;
        this.leads = true;
        this.emit("elected");
      }
    }
    this.usedMs = askedMs;
    if (this.client === client) this.timer = setTimeout(() => void this.tick(client).catch(() => this.lose(client)), TICK_MS);
  }

  private lose(client: pg.Client): void {
    if (this.client !== client) return;
    this.client = null;
    clearTimeout(this.timer);
    this.depose();
    client.end().catch(() => undefined);
    if (!this.closed) this.timer = setTimeout(() => void this.connect(), RECONNECT_MS);
  }

  private depose(): void {
    if (!this.leads) return;
    this.leads = false;
    this.emit("deposed");
  }
}
