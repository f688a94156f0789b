/** How our machine runs a guest: translated, as in a worker, or interpreted. */
import type { RegionOptions } from "../../src/engine/regions.ts";
import { CompileService } from "../../src/worker/compile-service.ts";
import { RemoteCompiler } from "../../src/worker/remote-compiler.ts";

export type EngineName = "jit" | "interpreter";

export interface OurEngine {
  readonly name: EngineName;
  /** What a new machine is given. */
  readonly regions: () => RegionOptions | undefined;
}

export const INTERPRETER: OurEngine = { name: "interpreter", regions: () => undefined };

/** @returns the compile thread, and an engine whose machines each have a line of their own to it */
export function translating(): { readonly jit: OurEngine; readonly compile: CompileService } {
  const compile = new CompileService(new URL("../../dist/compile-thread.mjs", import.meta.url), (error) => {
    throw error;
  });
  return { jit: { name: "jit", regions: () => translated(compile) }, compile };
}

function translated(compile: CompileService): RegionOptions {
  const line = compile.connect();
  if (line === null) throw new Error("Cannot translate: the compile thread has no line left");
  return { compiler: new RemoteCompiler(line) };
}
