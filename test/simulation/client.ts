/** A client of a VM's console: it types into an input session and sends again what is not acknowledged; it reads what is released. */
import type { Chance } from "./chance.ts";
import { Violation } from "./checkers/violation.ts";
import { type GuestKind, sessionId } from "./guest.ts";
import { consoleEndOf } from "./history.ts";
import type { SimulatedVm } from "./vm.ts";
import type { HostedReplica } from "./worker.ts";

/** Typed and not acknowledged. */
const AHEAD_MAX = 200;

export class Client {
  typed = 0;
  acknowledged = 0;
  private sendFrom = 0;
  private readTo = 0;

  constructor(
    readonly vm: SimulatedVm,
    public session: number,
    private readonly kind: GuestKind,
    private readonly chance: Chance,
  ) {}

  get inputSession(): string {
    return sessionId(this.session);
  }

  get settled(): boolean {
    return this.acknowledged === this.typed && this.vm.output.echoes(this.session) >= this.typed;
  }

  /** It goes away, and another comes with a session of its own. */
  anew(session: number): void {
    this.session = session;
    this.typed = 0;
    this.acknowledged = 0;
    this.sendFrom = 0;
  }

  type(most: number): void {
    this.typed = Math.min(this.typed + this.chance.between(1, most), this.acknowledged + AHEAD_MAX);
  }

  /** @param least the piece to send: all of it for one who fills the queues */
  frame(most: number): { readonly offset: number; readonly bytes: Uint8Array } | null {
    if (this.acknowledged === this.typed) return null;
    // From what is acknowledged, or from a little before, or from beyond it as if a frame had been lost.
    const from = Math.max(0, this.sendFrom + (this.chance.oneIn(10) ? this.chance.between(-8, 8) : 0));
    const to = Math.min(this.typed, from + this.chance.between(1, most));
    if (to <= from) return null;
    const bytes = new Uint8Array(to - from);
    for (let at = from; at < to; at++) bytes[at - from] = this.kind.typedByte(this.session, at);
    return { offset: from, bytes };
  }

  told(acknowledged: number): void {
    if (acknowledged > this.typed)
      throw new Violation("released output", `${acknowledged} bytes are acknowledged, ${this.typed} were typed`);
    if (acknowledged > this.acknowledged) this.acknowledged = acknowledged;
    this.sendFrom = Math.max(this.sendFrom, this.acknowledged);
  }

  refused(next: number, code: string): void {
    if (code === "input_offset_gap") this.sendFrom = Math.min(next, this.typed);
    else this.sendFrom = this.acknowledged;
  }

  /** Reads on from wherever it is attached; a backup or a former primary has less, never other bytes. */
  read(replica: HostedReplica): void {
    const upTo = Math.min(replica.released, this.vm.output.length);
    let read = this.readTo;
    for (let executed = replica.head; executed !== null && consoleEndOf(executed) > this.readTo; executed = executed.before) {
      const end = Math.min(upTo, consoleEndOf(executed));
      for (let offset = Math.max(this.readTo, executed.consoleStart); offset < end; offset++) {
        if (executed.output[offset - executed.consoleStart] !== this.vm.output.at(offset))
          throw new Violation("released output", `a client reads another byte ${offset} from ${replica.id} than was released`);
      }
      read = Math.max(read, end);
    }
    this.readTo = read;
  }
}
