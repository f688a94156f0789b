/** Asks the compile thread, and looks for its answers between two runs of the guest: nothing here waits. */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { CompiledRegions, RegionCompiler } from "../engine/region-compiler.ts";
import type { MachineAddresses, RegionSource } from "../jit/index.ts";
import type { CompileAnswer, CompileQuestion } from "./compile-messages.ts";

export class RemoteCompiler implements RegionCompiler {
  outstanding = 0;

  constructor(private readonly port: MessagePort) {}

  request(sources: readonly RegionSource[], machine: MachineAddresses): void {
    this.outstanding++;
    this.port.postMessage({ kind: "request", sources, machine } satisfies CompileQuestion);
  }

  lookUp(hashes: readonly number[]): void {
    this.port.postMessage({ kind: "lookUp", hashes } satisfies CompileQuestion);
  }

  take(): CompiledRegions | null {
    const received = receiveMessageOnPort(this.port) as { message: CompileAnswer } | undefined;
    if (received === undefined) return null;
    if (received.message.answers) this.outstanding--;
    return received.message.compiled;
  }
}
