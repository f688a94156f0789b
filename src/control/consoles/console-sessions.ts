/**
 * Who is attached to consoles, whichever control plane they are on: the connections of this process are written down as rows, and
 * rows of a control plane that is gone count for nothing.
 *
 * With the database away a console goes on; its row is then behind, and is brought up to date by the next sweep.
 */
import type { FastifyBaseLogger } from "fastify";
import type { Database } from "../db/database.ts";
import type { Presence } from "../db/presence.ts";
import { type InputSessionUse, touchInputSessions } from "../db/queries/console-input-sessions.ts";
import {
  forgetConsoleSessions,
  listConsoleSessions,
  recordAttached,
  recordDetached,
  updatePositions,
} from "../db/queries/console-sessions.ts";
import type { ConsoleSessionRow } from "../db/schema.ts";
import type { ConsoleClient } from "./console-client.ts";
import type { VmConsole } from "./vm-console.ts";

interface ConsoleSessionsOptions {
  readonly database: Database;
  readonly presence: Pick<Presence, "instance" | "present">;
  readonly log: FastifyBaseLogger;
}

export class ConsoleSessions {
  /** By session: what is still being written of it, in its order. */
  private readonly turns = new Map<string, Promise<void>>();

  constructor(private readonly options: ConsoleSessionsOptions) {}

  attached(vmId: string, client: ConsoleClient, mode: "read" | "write"): void {
    const { database, presence } = this.options;
    const session = {
      id: client.sessionId,
      vmId,
      controlPlane: presence.instance,
      tokenId: client.identity.tokenId,
      mode,
      subprotocol: client.subprotocol,
      inputSession: client.input?.id ?? null,
      position: client.position,
      attachedAt: client.attachedAt,
    };
    this.inTurn(client.sessionId, "attached", () => recordAttached(database, session));
  }

  detached(vmId: string, client: ConsoleClient, why: { readonly code: number; readonly reason: string }): void {
    const { sessionId: id, identity } = client;
    const { database } = this.options;
    const used = client.input === null ? [] : [{ vmId, id: client.input.id, inputNext: client.input.inputNext }];
    this.inTurn(id, "detached", async () => {
      await recordDetached(database, { id, vmId, tokenId: identity.tokenId }, why);
      await touchInputSessions(database.db, used);
    });
  }

  /** Input of a session was acknowledged that no client has. */
  used(use: InputSessionUse): Promise<void> {
    return touchInputSessions(this.options.database.db, [use]);
  }

  /** Of all control planes that are there; those of this one as they are now. */
  async list(vmId: string, here: ReadonlySet<ConsoleClient>): Promise<readonly ConsoleSessionRow[]> {
    const { database, presence } = this.options;
    const own = new Map([...here].map((client) => [client.sessionId, client]));
    // What was said of them before this call is written first.
    await Promise.all([...here].map(({ sessionId }) => this.turns.get(sessionId)));
    const [rows, present] = await Promise.all([listConsoleSessions(database.db, vmId), presence.present()]);
    return rows.flatMap((row): readonly ConsoleSessionRow[] => {
      if (row.controlPlane !== presence.instance) return present.has(row.controlPlane) ? [row] : [];
      const client = own.get(row.id);
      return client === undefined ? [] : [{ ...row, position: client.position, inputSession: client.input?.id ?? null }];
    });
  }

  /** Brings rows up to date: positions, input sessions that are in use, and who is not there any more. */
  async sweep(consoles: Iterable<VmConsole>): Promise<void> {
    const { database, presence, log } = this.options;
    const positions = [];
    const uses = [];
    for (const console of consoles) {
      for (const client of console.attached) {
        positions.push({ id: client.sessionId, position: client.position, inputSession: client.input?.id ?? null });
      }
      for (const { id, inputNext } of console.inputSessions) uses.push({ vmId: console.vmId, id, inputNext });
    }
    try {
      await updatePositions(database.db, positions);
      await touchInputSessions(database.db, uses);
      await forgetConsoleSessions(
        database.db,
        presence.instance,
        [...(await presence.present())],
        positions.map(({ id }) => id),
      );
    } catch (error) {
      log.debug({ err: error }, "console sessions are not brought up to date: the database does not answer");
    }
  }

  private inTurn(sessionId: string, what: string, work: () => Promise<void>): void {
    const turn = (this.turns.get(sessionId) ?? Promise.resolve())
      .then(work)
      .catch((error: unknown) =>
        this.options.log.warn({ sessionId, err: error }, `a console session ${what}, and it could not be recorded`),
      );
    this.turns.set(sessionId, turn);
    void turn.finally(() => {
      if (this.turns.get(sessionId) === turn) this.turns.delete(sessionId);
    });
  }
}
