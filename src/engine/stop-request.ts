/**
 * Another thread's wish that a run ends soon: a word of memory that both threads have, which the machine looks at every few
 * thousand instructions (`stopAsked` in src/machine/hart/execute.ts).
 *
 * The machine has a memory of its own and imports no function, so what looks is a module of one function, in the table that the
 * machine and its regions share. It says when a run ends, and nothing that the guest could see.
 */

/** Its number in the table: regions are numbered from 1. */
export const STOP_REQUEST_NUMBER = 0;

/**
 * The word, shared between threads. It is the first of a Wasm memory, since no other is in the reach of Wasm code; that can be
 * posted to another thread.
 */
export class StopRequest {
  readonly memory: WebAssembly.Memory;
  private readonly word: Int32Array;

  /** @param memory another thread's one; where it is left out, one of its own */
  constructor(memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })) {
    this.memory = memory;
    this.word = new Int32Array(memory.buffer, 0, 1);
  }

  ask(): void {
    Atomics.store(this.word, 0, 1);
  }

  withdraw(): void {
    Atomics.store(this.word, 0, 0);
  }

  get asked(): boolean {
    return Atomics.load(this.word, 0) !== 0;
  }

  /** @returns a Wasm function without parameters; its result is not 0 where it is asked */
  reader(): unknown {
    module ??= new WebAssembly.Module(READER);
    return new WebAssembly.Instance(module, { env: { memory: this.memory } }).exports["f"];
  }
}

let module: WebAssembly.Module | undefined;

/**
 *     (module
 *       (memory (import "env" "memory") 1 1 shared)
 *       (func (export "f") (result i32) (i32.atomic.load (i32.const 0))))
 */
const READER = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 5, 1, 0x60, 0, 1, 0x7f], // types: [] -> [i32]
  ...[0x02, 16, 1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x03, 1, 1], // imports: env.memory
  ...[0x03, 2, 1, 0], // functions: one of type 0
  ...[0x07, 5, 1, 1, 0x66, 0x00, 0], // exports: f
  ...[0x0a, 10, 1, 8, 0, 0x41, 0, 0xfe, 0x10, 2, 0, 0x0b], // code
);
