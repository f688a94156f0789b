/**
 * One session writes to a VM's console, whichever control plane it is on: the row in the database is who.
 *
 *     a session is granted here --> row, event --> the other control planes look at the row, and demote whoever wrote there
 *
 * Grants of a VM are written in their order, and looked at after those of this process: so the last row holds for everybody.
 * With the database away a console goes on; the row is then behind.
 */
import type { FastifyBaseLogger } from "fastify";
import type { Database } from "../db/database.ts";
import type { Presence } from "../db/presence.ts";
import { type ConsoleWriter, readConsoleWriter, readConsoleWriters, recordConsoleWriter } from "../db/queries/console-writers.ts";

interface ConsoleWritersOptions {
  readonly database: Database;
  readonly presence: Pick<Presence, "instance" | "present">;
  readonly log: FastifyBaseLogger;
  /** A session of another control plane writes now. */
  readonly onTaken: (vmId: string, writer: ConsoleWriter) => void;
}

export class ConsoleWriters {
  /** By VM: writers on other control planes, as last seen. */
  private readonly elsewhere = new Map<string, ConsoleWriter>();
  private readonly turns = new Map<string, Promise<void>>();

  constructor(private readonly options: ConsoleWritersOptions) {}

  async start(): Promise<void> {
    for (const row of await readConsoleWriters(this.options.database.db)) this.saw(row.vmId, row);
  }

  /** The writer of the VM that is on another control plane. */
  of(vmId: string): ConsoleWriter | null {
    return this.elsewhere.get(vmId) ?? null;
  }

  /** A session here was granted the right, or nobody has it any more. */
  record(
    vmId: string,
    granted: { readonly sessionId: string; readonly inputSession: string } | null,
    by: { readonly sessionId: string; readonly tokenId: string },
  ): void {
    const { database, presence, log } = this.options;
    if (granted !== null) this.elsewhere.delete(vmId);
    this.inTurn(vmId, async () => {
      const writer = granted === null ? null : { ...granted, controlPlane: presence.instance };
      try {
        await recordConsoleWriter(database, vmId, writer, by);
      } catch (error) {
        log.warn(
          { vmId, writer: granted?.sessionId ?? null, by: by.sessionId, err: error },
          "console writer changed, and could not be recorded",
        );
      }
    });
  }

  /** Another control plane said that the writer of the VM is another. */
  changed(vmId: string): void {
    this.inTurn(vmId, () => this.look(vmId));
  }

  /** Asks the database for the writer on another control plane; with its control plane, its sessions are gone. */
  async lookUp(vmId: string): Promise<ConsoleWriter | null> {
    const { database, presence } = this.options;
    this.saw(vmId, await readConsoleWriter(database.db, vmId));
    const writer = this.of(vmId);
    if (writer === null || (await presence.present()).has(writer.controlPlane)) return writer;
    this.elsewhere.delete(vmId);
    await recordConsoleWriter(database, vmId, null, { sessionId: writer.sessionId, tokenId: null });
    return null;
  }

  /** Forgets those whose control plane is gone. */
  async sweep(): Promise<void> {
    for (const vmId of [...this.elsewhere.keys()]) await this.lookUp(vmId).catch(() => null);
  }

  private async look(vmId: string): Promise<void> {
    const { database, presence, log, onTaken } = this.options;
    try {
      const writer = await readConsoleWriter(database.db, vmId);
      this.saw(vmId, writer);
      if (writer !== null && writer.controlPlane !== presence.instance) onTaken(vmId, writer);
    } catch (error) {
      log.warn({ vmId, err: error }, "cannot look up who writes to the console");
    }
  }

  private saw(vmId: string, writer: ConsoleWriter | null): void {
    if (writer === null || writer.controlPlane === this.options.presence.instance) this.elsewhere.delete(vmId);
    else this.elsewhere.set(vmId, writer);
  }

  private inTurn(vmId: string, work: () => Promise<void>): void {
    const turn = (this.turns.get(vmId) ?? Promise.resolve()).then(work);
    this.turns.set(vmId, turn);
    void turn.finally(() => {
      if (this.turns.get(vmId) === turn) this.turns.delete(vmId);
    });
  }
}
