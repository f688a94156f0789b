/**
 * A client of a VM's console: it types into an input session and sends again what is not acknowledged; it reads what is released, each
 * byte once, wherever it is attached. Its gateway is a process of its own that may go away, as the replica may.
 */
import type { Chance } from "./chance.ts";
import { Violation } from "./checkers/violation.ts";
import { type ConsoleFrame, ConsolePort, frameBytes } from "./console-line.ts";
import { type GuestKind, sessionId } from "./guest.ts";
import type { Connection, Network } from "./network.ts";
import type { Process } from "./process.ts";
import type { SimulatedVm } from "./vm.ts";
import type { HostedReplica } from "./worker.ts";

/** Typed and not acknowledged. */
const AHEAD_MAX = 200;
/** It waits for something, and hears nothing for so long: it attaches anew. */
const PATIENCE_US = 60_000;

export class Client {
  typed = 0;
  acknowledged = 0;
  private sendFrom = 0;
  private readTo = 0;
  private line: Connection<ConsoleFrame> | null = null;
  private gateway: Process | null = null;
  private heardUs = 0;

  /** @param renew gives it an input session that it has not had */
  constructor(
    readonly vm: SimulatedVm,
    public session: number,
    private readonly kind: GuestKind,
    private readonly chance: Chance,
    private readonly network: Network,
    private readonly renew: (client: Client) => void,
  ) {}

  get inputSession(): string {
    return sessionId(this.session);
  }

  /** The guest has got everything, and it has read everything. */
  get settled(): boolean {
    return this.acknowledged === this.typed && this.vm.output.echoes(this.session) >= this.typed && this.readTo === this.vm.output.length;
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

  /** Sees to it that it is attached. @returns whether it is */
  attached(nowUs: number): boolean {
    if (this.line === null) return false;
    const waits = this.acknowledged < this.typed || this.readTo < this.vm.output.length;
    if (this.gateway?.state !== "dead" && (!waits || nowUs - this.heardUs <= PATIENCE_US)) return true;
    this.detach();
    return false;
  }

  attach(gateway: Process, replica: HostedReplica, nowUs: number): void {
    this.detach();
    const port = new ConsolePort(replica);
    const line: Connection<ConsoleFrame> = this.network.connect<ConsoleFrame>(
      {
        process: gateway,
        received: (frame) => {
          if (this.line === line) this.received(frame);
        },
        closed: () => {
          if (this.line === line) this.line = null;
        },
      },
      port.receiver,
    );
    port.connected(line);
    this.line = line;
    this.gateway = gateway;
    this.heardUs = nowUs;
    this.sendFrom = this.acknowledged;
    this.send({ kind: "attach", from: this.readTo });
  }

  /** Sends some of what it has typed: from what is acknowledged, or from a little before, or from beyond it as if a frame had been lost. */
  sendInput(most: number): void {
    if (this.acknowledged === this.typed || this.gateway?.running !== true) return;
    const from = Math.max(0, this.sendFrom + (this.chance.oneIn(10) ? this.chance.between(-8, 8) : 0));
    let to = Math.min(this.typed, from + this.chance.between(1, most));
    if (to <= from) return;
    const size = this.kind.resizedTo(this.session, from);
    if (size !== null) {
      this.send({ kind: "resize", inputSession: this.inputSession, offset: from, size });
      return;
    }
    for (let at = from + 1; at < to; at++) if (this.kind.resizedTo(this.session, at) !== null) to = at;
    const bytes = new Uint8Array(to - from);
    for (let at = from; at < to; at++) bytes[at - from] = this.kind.typedByte(this.session, at);
    this.send({ kind: "input", inputSession: this.inputSession, offset: from, bytes });
  }

  private detach(): void {
    this.line?.close(0);
    this.line = null;
  }

  private send(frame: ConsoleFrame): void {
    this.line?.send(0, frame, frameBytes(frame));
  }

  private received(frame: ConsoleFrame): void {
    this.heardUs = this.network.scheduler.nowUs;
    switch (frame.kind) {
      case "output":
        this.read(frame.offset, frame.bytes);
        return;
      case "acknowledged":
        if (frame.inputSession === this.inputSession) this.told(frame.next);
        return;
      case "refused":
        if (frame.inputSession === this.inputSession) this.refused(frame.next, frame.code);
        return;
      default:
        throw new Error(`a worker does not send "${frame.kind}"`);
    }
  }

  private told(acknowledged: number): void {
    if (acknowledged > this.typed)
      throw new Violation("released output", `${acknowledged} bytes are acknowledged, ${this.typed} were typed`);
    if (acknowledged > this.acknowledged) this.acknowledged = acknowledged;
    this.sendFrom = Math.max(this.sendFrom, this.acknowledged);
  }

  private refused(next: number, code: string): void {
    switch (code) {
      case "input_session_expired":
        this.renew(this);
        return;
      case "input_offset_gap":
        this.sendFrom = Math.min(next, this.typed);
        return;
      case "not_primary":
        this.detach();
        return;
      default:
        this.sendFrom = this.acknowledged;
    }
  }

  /** A backup or a former primary has less than was released, never other bytes. */
  private read(offset: number, bytes: Uint8Array): void {
    const { output } = this.vm;
    if (offset > this.readTo) throw new Violation("released output", `a client that has read to ${this.readTo} is sent byte ${offset}`);
    const end = offset + bytes.length;
    if (end > output.length) throw new Violation("released output", `a client is sent bytes to ${end}, ${output.length} were released`);
    for (let at = this.readTo; at < end; at++) {
      if (bytes[at - offset] !== output.at(at))
        throw new Violation("released output", `a client reads ${bytes[at - offset]} as byte ${at}, ${output.at(at)} was released`);
    }
    this.readTo = Math.max(this.readTo, end);
  }
}
