/** What an engine thread and the compile thread say to each other, over a port of their own. */
import type { MessagePort } from "node:worker_threads";
import type { CompiledRegion, CompiledRegions } from "../engine/region-compiler.ts";
import type { MachineAddresses, PageSource } from "../jit/index.ts";
import type { RegionShare } from "./region-account.ts";

export type CompileQuestion =
  | { readonly kind: "request"; readonly pages: readonly PageSource[]; readonly machine: MachineAddresses }
  | { readonly kind: "optimise"; readonly region: CompiledRegion; readonly machine: MachineAddresses }
  | { readonly kind: "lookUp"; readonly hashes: readonly number[] };

/** `answers`: to a request; what a look-up finds comes without being an answer, and where nothing is found nothing comes. */
export interface CompileAnswer {
  /** Null: there was nothing to compile that was not known. */
  readonly compiled: CompiledRegions | null;
  readonly answers: boolean;
  /** That translating and compiling took; 0 where nothing had to be. */
  readonly compileMs: number;
}

/** What the compile thread begins with. */
export interface CompileThreadData {
  /** Shared, length 1: regions in the library. */
  readonly libraryRegions: Int32Array;
  readonly libraryMaximum: number;
}

/** To the compile thread, from the main thread: somebody else may ask. */
export interface CompileConnection {
  readonly port: MessagePort;
}

/** An engine thread's way to the compile thread, and its share of the regions that this process may hold. */
export interface CompileLine {
  readonly port: MessagePort;
  readonly share: RegionShare;
  /** The process's, made before V8 was told to optimise nothing by itself any more. */
  readonly dispatcher: WebAssembly.Module;
}
