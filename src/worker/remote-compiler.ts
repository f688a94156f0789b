/** Asks the compile thread, and looks for its answers between two runs of the guest: nothing here waits. */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { CompiledRegion, CompiledRegions, RegionCompiler } from "../engine/region-compiler.ts";
import type { MachineAddresses, PageSource } from "../jit/index.ts";
import type { CompileAnswer, CompileLine, CompileQuestion } from "./compile-messages.ts";
import { holdRegions } from "./region-account.ts";
import { OPTIMISES_BY_ITSELF } from "./v8-flags.ts";

export class RemoteCompiler implements RegionCompiler {
  outstanding = 0;
  /** Of the compile thread's time, what went into this machine's questions. */
  compileMs = 0;

  readonly dispatcher: WebAssembly.Module;
  private readonly port: MessagePort;

  constructor(private readonly line: CompileLine) {
    this.dispatcher = line.dispatcher;
    this.port = line.port;
  }

  request(pages: readonly PageSource[], machine: MachineAddresses): void {
    this.outstanding++;
    this.port.postMessage({ kind: "request", pages, machine } satisfies CompileQuestion);
  }

  optimise(region: CompiledRegion, machine: MachineAddresses): void {
    if (!OPTIMISES_BY_ITSELF) this.port.postMessage({ kind: "optimise", region, machine } satisfies CompileQuestion);
  }

  lookUp(hashes: readonly number[]): void {
    this.port.postMessage({ kind: "lookUp", hashes } satisfies CompileQuestion);
  }

  take(): CompiledRegions | null {
    for (;;) {
      const received = receiveMessageOnPort(this.port) as { message: CompileAnswer } | undefined;
      if (received === undefined) return null;
      const { compiled, answers, compileMs } = received.message;
      if (answers) this.outstanding--;
      this.compileMs += compileMs;
      if (compiled !== null) return compiled;
    }
  }

  reserve(regions: number): boolean {
    return holdRegions(this.line.share, regions);
  }
}
