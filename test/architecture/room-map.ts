/**
 * The room map: what each room under src/ may import beside itself. README's table says the same, and a test compares them.
 *
 * `types` may be imported as types only. `packages: "none"` means neither npm packages nor node's own modules.
 */
export interface Room {
  readonly imports: readonly string[];
  readonly types: readonly string[];
  readonly packages: "none" | "any";
}

export const ROOMS: Readonly<Record<string, Room>> = {
  base: { imports: [], types: [], packages: "none" },
  isa: { imports: [], types: [], packages: "none" },
  machine: { imports: ["isa"], types: [], packages: "none" },
  jit: { imports: ["base", "isa"], types: [], packages: "none" },
  engine: { imports: ["base", "isa", "jit"], types: [], packages: "none" },
  hypervisor: { imports: ["base"], types: ["engine"], packages: "none" },
  wire: { imports: ["base"], types: ["engine", "hypervisor"], packages: "none" },
  pki: { imports: ["base"], types: [], packages: "any" },
  tracing: { imports: ["base"], types: [], packages: "any" },
  images: { imports: ["base"], types: [], packages: "any" },
  worker: { imports: ["base", "isa", "jit", "engine", "hypervisor", "wire", "pki", "tracing", "images"], types: [], packages: "any" },
  control: { imports: ["base", "wire", "pki", "tracing", "images"], types: [], packages: "any" },
  sdk: { imports: ["base", "wire"], types: [], packages: "any" },
  cli: { imports: ["base", "engine", "sdk", "images"], types: [], packages: "any" },
  build: { imports: [], types: [], packages: "any" },
};
