/**
 * Everything that happened in a run, in order, as one hash: two runs with the same digest did the same. Somebody who looks for the
 * first instant at which two runs differ has it told line by line.
 */
import type { Effect, ReplicaInput } from "../../src/hypervisor/messages.ts";

export class Trace {
  private a = 0x9e37_79b9;
  private b = 0x7f4a_7c15;

  constructor(private readonly tell: ((line: string) => void) | null = null) {}

  get digest(): string {
    return [this.a, this.b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  stepped(nowUs: number, replica: string, input: ReplicaInput, effects: readonly Effect[]): void {
    this.number(nowUs);
    this.text(replica);
    this.text(input.kind);
    for (const { kind } of effects) this.text(kind);
    if (this.tell === null) return;
    const what = input.kind === "message" ? `message ${input.message.kind}` : input.kind;
    this.tell(`${nowUs} ${replica} ${what} -> ${effects.map(({ kind }) => kind).join(" ")}`);
  }

  happened(nowUs: number, what: string): void {
    this.number(nowUs);
    this.text(what);
    this.tell?.(`${nowUs} ${what}`);
  }

  number(value: number): void {
    this.word(value | 0);
    if (value > 0x7fff_ffff || value < 0) this.word(Math.floor(value / 0x1_0000_0000) | 0);
  }

  bytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) this.word(bytes[at] as number);
  }

  /** Enough of a name to tell it from the others. */
  private text(text: string): void {
    const { length } = text;
    this.word((length << 24) ^ (text.charCodeAt(0) << 16) ^ (text.charCodeAt(length >> 1) << 8) ^ text.charCodeAt(length - 1));
  }

  private word(word: number): void {
    this.a = Math.imul(this.a ^ word, 0x0100_0193);
    this.b = (Math.imul(this.b, 31) + (this.a >>> 15)) | 0;
  }
}
