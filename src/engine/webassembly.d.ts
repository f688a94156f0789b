/** The part of the WebAssembly JavaScript API that the engine uses: the pure rooms have no other library than ECMAScript's. */
declare namespace WebAssembly {
  function validate(bytes: Uint8Array): boolean;
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
  }
  class Table {
    constructor(descriptor: { element: "anyfunc"; initial: number; maximum?: number });
    readonly length: number;
    grow(by: number): number;
    get(index: number): unknown;
    set(index: number, value: unknown): void;
  }
  class Global {
    constructor(descriptor: { value: "i64"; mutable: true }, value?: bigint);
    value: bigint;
  }
  type Imports = { readonly [module: string]: { readonly [name: string]: unknown } };
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: { readonly [name: string]: unknown };
  }
}
