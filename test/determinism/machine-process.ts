/**
 * A machine in a process of its own, under any Node. One question at a time goes there as JSON, one answer comes back; snapshots
 * go by way of a file, since versions of Node do not share a format for bytes.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClockSample, EpochInput, SysRqKey } from "../../src/engine/epoch.ts";
import type { MachineHost, MachineOptions, Position, Run } from "./machine-host.ts";

export type Question =
  | { readonly kind: "restore" | "snapshot"; readonly path: string }
  | { readonly kind: "beginEpoch"; readonly time: string; readonly rate: number; readonly inputs: readonly PackedInput[] }
  | { readonly kind: "run"; readonly until: string }
  | { readonly kind: "hash" | "translated" };

/** Bytes in base64, a wall clock in nanoseconds. */
type PackedInput =
  | readonly ["console", inputSession: string, offset: string, bytes: string]
  | readonly ["resize", inputSession: string, offset: string, cols: number, rows: number]
  | readonly ["entropy", bytes: string]
  | readonly ["wallClock", unixNs: string]
  | readonly ["sysRq", key: SysRqKey];

function packedInput(input: EpochInput): PackedInput {
  switch (input.kind) {
    case "console":
      return ["console", input.inputSession, String(input.offset), Buffer.from(input.bytes).toString("base64")];
    case "resize":
      return ["resize", input.inputSession, String(input.offset), input.size.cols, input.size.rows];
    case "entropy":
      return ["entropy", Buffer.from(input.bytes).toString("base64")];
    case "wallClock":
      return ["wallClock", String(input.unixNs)];
    case "sysRq":
      return ["sysRq", input.key];
  }
}

export function unpackedInput(packed: PackedInput): EpochInput {
  const bytes = (base64: string) => Uint8Array.from(Buffer.from(base64, "base64"));
  switch (packed[0]) {
    case "console":
      return { kind: "console", inputSession: packed[1], offset: BigInt(packed[2]), bytes: bytes(packed[3]) };
    case "resize":
      return { kind: "resize", inputSession: packed[1], offset: BigInt(packed[2]), size: { cols: packed[3], rows: packed[4] } };
    case "entropy":
      return { kind: "entropy", bytes: bytes(packed[1]) };
    case "wallClock":
      return { kind: "wallClock", unixNs: BigInt(packed[1]) };
    case "sysRq":
      return { kind: "sysRq", key: packed[1] };
  }
}

export interface PackedPosition {
  readonly instant: string;
  readonly time: string;
  readonly wakeTime: string | null;
  readonly entropyWanted: number;
  readonly halt: Position["halt"];
}

export type Answer =
  | { readonly position: PackedPosition; readonly end?: Run["end"]; readonly output?: string }
  | { readonly hash: string }
  | { readonly translated: number }
  | { readonly done: true }
  | { readonly error: string };

const CHILD = fileURLToPath(new URL("machine-process-child.ts", import.meta.url));
const LOADER = new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href;

export class MachineProcess implements MachineHost {
  readonly name: string;
  private readonly child: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), "understudy-machine-"));
  /** The question that is out. */
  private asked: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;
  private ended: Error | null = null;

  /** @param node its program and version */
  constructor({ memoryMiB, engine, seed = 1 }: MachineOptions, node = { program: process.execPath, version: process.versions.node }) {
    this.name = `a process of Node ${node.version}, ${engine}`;
    this.child = fork(CHILD, [String(memoryMiB), engine, String(seed)], { execPath: node.program, execArgv: ["--import", LOADER] });
    this.child.on("message", (answer: Answer) => this.take()?.resolve(answer));
    this.child.once("error", (error) => this.end(error));
    this.child.once("exit", (status, signal) => this.end(new Error(`${this.name} has ended: ${signal ?? status}`)));
  }

  private take() {
    const { asked } = this;
    this.asked = null;
    return asked;
  }

  private end(error: Error): void {
    this.ended ??= error;
    this.take()?.reject(this.ended);
  }

  private async ask(question: Question): Promise<Extract<Answer, { position: unknown }> & { hash: string; translated: number }> {
    if (this.ended !== null) throw this.ended;
    if (this.asked !== null) throw new Error("one question at a time");
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.asked = { resolve, reject };
      this.child.send(question);
    });
    if ("error" in answer) throw new Error(`in ${this.name}: ${answer.error}`);
    return answer as never;
  }

  async restore(snapshot: Uint8Array): Promise<Position> {
    const path = join(this.folder, "snapshot");
    writeFileSync(path, snapshot);
    return unpacked((await this.ask({ kind: "restore", path })).position);
  }

  async snapshot(): Promise<Uint8Array> {
    const path = join(this.folder, "snapshot");
    await this.ask({ kind: "snapshot", path });
    return readFileSync(path);
  }

  async beginEpoch({ time, rate }: ClockSample, inputs: readonly EpochInput[]): Promise<void> {
    await this.ask({ kind: "beginEpoch", time: String(time), rate, inputs: inputs.map(packedInput) });
  }

  async run(until: bigint): Promise<Run> {
    const { position, end, output } = await this.ask({ kind: "run", until: String(until) });
    if (end === undefined || output === undefined) throw new Error(`${this.name} does not say how the run ended`);
    return { ...unpacked(position), end, output };
  }

  async hash(): Promise<string> {
    return (await this.ask({ kind: "hash" })).hash;
  }

  async translated(): Promise<number> {
    return (await this.ask({ kind: "translated" })).translated;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise<void>((resolve) => this.child.once("exit", () => resolve()));
    if (this.ended === null) {
      this.child.kill();
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function unpacked({ instant, time, wakeTime, entropyWanted, halt }: PackedPosition): Position {
  return { instant: BigInt(instant), time: BigInt(time), wakeTime: wakeTime === null ? null : BigInt(wakeTime), entropyWanted, halt };
}
