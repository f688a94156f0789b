/**
 * The connection to Postgres: a pool that gives up quickly and recovers, and transactions that end with their events.
 *
 * A server that is stopped accepts connections and answers nothing, so every wait has its own time-out here; a connection
 * on which one ran out is thrown away, never put back. Waiting for a connection that others are using is no sign of a server
 * that is away: they end by their own time-outs, and the wait for them is longer.
 *
 * The arbiter has connections of its own: while it decides a guest stands still, however many calls are in front of it. A worker that
 * dies makes as many heirs as primaries that lost their backup: only the former's guests stand still, so they do not queue behind the latter.
 */
import { randomBytes } from "node:crypto";
import { inArray, sql } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import { UnderstudyError } from "../../base/errors.ts";
import { NO_TRACER, type Tracer } from "../../tracing/tracer.ts";
import type { ApiCall } from "../domain/api-call.ts";
import type { EventDraft } from "../domain/events.ts";
import { type IdPrefix, makeId } from "../domain/ids.ts";
import { vms } from "./schema.ts";
import { sqlState } from "./unavailable.ts";

/** Of those in front of it in the queue, each is over after the time-outs of its queries. */
const QUEUE_TIMEOUT_MS = 30_000;

/** Of two that wait for each other the server undoes one, and the other goes on: the one that was undone is done again. */
const DEADLOCK_DETECTED = "40P01";
const DEADLOCK_ATTEMPTS = 4;

/** The arbiter's. More would only wait for each other: what it decides ends with one lock, that of the event clock. */
const ARBITER_CONNECTIONS = { guestStandsStill: 4, guestRuns: 2 } as const;

export type Queryable = NodePgDatabase<Record<string, never>>;

export interface Transaction {
  readonly db: Queryable;
  /** By which it was asked for; null: by the control plane itself, or a worker. */
  readonly call: ApiCall | null;
  /** Written as the last statement of the transaction, in the order of the calls. */
  emit(event: EventDraft): void;
}

export type CommitListener = (events: readonly EventDraft[]) => void;

export interface DatabaseOptions {
  readonly connection: pg.PoolConfig;
  readonly connectTimeoutMs?: number;
  readonly queryTimeoutMs?: number;
  readonly poolSize?: number;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
  readonly onIdleError?: (error: Error) => void;
  /** Begins the audit entry of the call that a transaction is for. */
  readonly beginAuditEntry?: (db: Queryable, call: ApiCall) => Promise<void>;
}

export class Database {
  readonly db: Queryable;
  private readonly pool: pg.Pool;
  private readonly arbiterPools: Readonly<Record<keyof typeof ARBITER_CONNECTIONS, pg.Pool>>;
  private readonly clientConfig: pg.ClientConfig;
  private readonly committed = new Set<CommitListener>();
  /** Ids of events that were written here and that nobody has asked about since. */
  private readonly written = new Set<string>();
  private readonly beginAuditEntry: (db: Queryable, call: ApiCall) => Promise<void>;
  private readonly tracer: Tracer;

  constructor(options: DatabaseOptions) {
    this.beginAuditEntry = options.beginAuditEntry ?? (() => Promise.resolve());
    this.tracer = options.tracer ?? NO_TRACER;
    const queryTimeoutMs = options.queryTimeoutMs ?? 1500;
    const connectTimeoutMs = options.connectTimeoutMs ?? 1000;
    this.clientConfig = {
      ...options.connection,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: queryTimeoutMs,
      statement_timeout: queryTimeoutMs,
      idle_in_transaction_session_timeout: 10_000,
      keepAlive: true,
      application_name: "understudy-control-plane",
    };
    // The pool has one setting for its queue and for connecting; a client of ours keeps to its own for the latter.
    class Client extends pg.Client {
      constructor(config?: pg.ClientConfig) {
        super({ ...config, connectionTimeoutMillis: connectTimeoutMs });
      }
    }
    const newPool = (max: number, idleTimeoutMillis: number): pg.Pool => {
      const pool = new pg.Pool({ ...this.clientConfig, Client, connectionTimeoutMillis: QUEUE_TIMEOUT_MS, max, idleTimeoutMillis });
      pool.on("error", (error) => options.onIdleError?.(error));
      return pool;
    };
    this.pool = newPool(options.poolSize ?? 10, 60_000);
    // What was connected once stays so: a failover is no time to connect.
    const { guestStandsStill, guestRuns } = ARBITER_CONNECTIONS;
    this.arbiterPools = { guestStandsStill: newPool(guestStandsStill, 0), guestRuns: newPool(guestRuns, 0) };
    this.db = drizzle(this.pool) as unknown as Queryable;
  }

  /** Called after each commit that wrote events, with what was written. */
  onCommitted(listener: CommitListener): () => void {
    this.committed.add(listener);
    return () => this.committed.delete(listener);
  }

  /** True, once, for an event that this process wrote. */
  wrote(eventId: string): boolean {
    return this.written.delete(eventId);
  }

  /** A query in plain SQL. */
  query<T extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<pg.QueryResult<T>> {
    return this.pool.query<T>(text, [...values]);
  }

  /** For LISTEN, and for locks that outlive a transaction. */
  newClient(overrides: pg.ClientConfig = {}): pg.Client {
    return new pg.Client({ ...this.clientConfig, ...overrides });
  }

  /**
   * Runs `work` in one transaction; an exception rolls it back, and a deadlock runs it again. Events that it emitted are numbered
   * last.
   *
   * @param call by which it was asked for: who the user of its events is, and what the audit log says
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, call: ApiCall | null = null): Promise<T> {
    if (call === null || !this.tracer.enabled) return await this.transactionOn(this.pool, work, call);
    const attributes = { "db.system.name": "postgresql", "understudy.operation": call.operation };
    const span = this.tracer.start("transaction", { kind: "client", parent: call.traceparent, attributes });
    try {
      const result = await this.transactionOn(this.pool, work, call);
      span.set({ "understudy.vm.id": call.vmId ?? undefined });
      span.end();
      return result;
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      span.end({ error: error instanceof UnderstudyError || typeof code === "string" ? String(code) : "internal_error" });
      throw error;
    }
  }

  /** A transaction of the arbiter's, which waits for no call's, and where a guest stands still, for none of a guest that runs. */
  arbiterTransaction<T>(urgency: keyof typeof ARBITER_CONNECTIONS, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.transactionOn(this.arbiterPools[urgency], work, null);
  }

  private async transactionOn<T>(pool: pg.Pool, work: (tx: Transaction) => Promise<T>, call: ApiCall | null): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(pool, work, call);
      } catch (error) {
        if (attempt === DEADLOCK_ATTEMPTS || sqlState(error)?.code !== DEADLOCK_DETECTED) throw error;
      }
    }
  }

  private async attempt<T>(pool: pg.Pool, work: (tx: Transaction) => Promise<T>, call: ApiCall | null): Promise<T> {
    const client = await pool.connect();
    // While it is out of the pool nobody else listens, and a connection that breaks between two queries says so here.
    client.on("error", ignore);
    const done = (broken?: Error): void => {
      client.off("error", ignore);
      client.release(broken);
    };
    const drafts: (EventDraft & { readonly id: string })[] = [];
    try {
      // A term that was granted must not be forgotten, whatever the server's own setting says.
      await client.query("BEGIN; SET LOCAL synchronous_commit = on");
      const db = drizzle(client) as unknown as Queryable;
      const result = await work({ db, call, emit: (event) => drafts.push({ ...asked(event, call), id: newId("evt") }) });
      if (call !== null) {
        call.vmId ??= drafts.find(({ vmId }) => vmId != null)?.vmId ?? null;
        await this.beginAuditEntry(db, call);
      }
      for (const { id } of drafts) this.written.add(id);
      if (drafts.length > 0) await appendEvents(db, drafts);
      await client.query("COMMIT");
      done();
      if (drafts.length > 0) for (const listener of this.committed) listener(drafts);
      return result;
    } catch (error) {
      for (const { id } of drafts) this.written.delete(id);
      await client.query("ROLLBACK").then(() => done(), done);
      throw error;
    }
  }

  /** What `work` would do and return: it is done, with every check and lock of its own, and undone. Its events are not written. */
  async preview<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const undone: { readonly result: T }[] = [];
    const undo = new Error("this was a preview");
    try {
      await this.transaction(async (tx) => {
        undone.push({ result: await work(tx) });
        throw undo;
      });
    } catch (error) {
      if (error !== undo) throw error;
    }
    return (undone[0] as { readonly result: T }).result;
  }

  /** @returns what is wrong, or null if the database answers */
  async ping(): Promise<string | null> {
    try {
      await this.pool.query("SELECT 1");
      return null;
    } catch (error) {
      return error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.pool, ...Object.values(this.arbiterPools)].map((pool) => pool.end()));
  }
}

/** What a call asked for is its user's, who is known by the token that was shown; its name is looked up where the event is written. */
function asked(event: EventDraft, call: ApiCall | null): EventDraft {
  if (call === null) return event;
  return { requestId: call.requestId, actor: { type: "user", ...(call.token === null ? {} : { id: call.token.id }) }, ...event };
}

/** The next query on the connection fails, and that is seen. */
function ignore(): void {}

/** Fresh id of the kind. */
export function newId(prefix: IdPrefix): string {
  return makeId(prefix, Date.now(), randomBytes(10));
}

/**
 * The last of its transaction: it takes the clock's row lock, so that numbers are in commit order and a reader who has seen N
 * has seen all below N. The rows of the VMs come before it, as in every transaction that holds one from its start: whoever has
 * the clock waits for nobody.
 */
async function appendEvents(db: Queryable, drafts: readonly (EventDraft & { readonly id: string })[]): Promise<void> {
  const vmIds = new Set(drafts.flatMap(({ vmId }) => vmId ?? []));
  if (vmIds.size > 0)
    await db
      .select({ id: vms.id })
      .from(vms)
      .where(inArray(vms.id, [...vmIds]))
      .orderBy(vms.id)
      .for("no key update");
  const rows = drafts.map((draft, index) => ({
    n: index + 1,
    id: draft.id,
    type: draft.type,
    vm_id: draft.vmId ?? null,
    term: draft.term?.toString() ?? null,
    cause: draft.cause,
    actor: draft.actor ?? { type: "system" },
    operation_id: draft.operationId ?? null,
    request_id: draft.requestId ?? null,
    data: draft.data ?? {},
  }));
  await db.execute(sql`
    WITH clock AS (
      UPDATE event_clock SET seq = seq + ${rows.length} WHERE id = 1 RETURNING seq - ${rows.length}::bigint AS base
    ), drafts AS (
      SELECT clock.base + draft.n AS seq, draft.*
      FROM clock, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        AS draft (n bigint, id text, type text, vm_id text, term bigint, cause text, actor jsonb, operation_id text, request_id text, data jsonb)
    ), touched AS (
      UPDATE vms SET resource_version = newest.seq, updated_at = now()
      FROM (SELECT vm_id, max(seq) AS seq FROM drafts GROUP BY vm_id) AS newest
      WHERE vms.id = newest.vm_id
    ), written AS (
      INSERT INTO events (seq, id, type, project, vm_id, term, cause, actor, operation_id, request_id, data)
      SELECT seq, id, type, 'default', vm_id, term, cause,
        actor || coalesce((SELECT jsonb_build_object('name', name) FROM tokens WHERE actor ->> 'type' = 'user' AND tokens.id = actor ->> 'id'), '{}'),
        operation_id,
        coalesce(request_id, (SELECT request_id FROM operations WHERE operations.id = drafts.operation_id)), data FROM drafts
      RETURNING seq
    )
    SELECT pg_notify('understudy_events', max(seq)::text) FROM written`);
}
