/** What the host of translated code can do: asked of it once. */
import { type Host, multiplyAddProbe, roundsOnce } from "../jit/index.ts";

let host: Host | undefined;

export function thisHost(): Host {
  host ??= { fusesMultiplyAdd: hasRelaxedSimd() && fusesMultiplyAdd() };
  return host;
}

/** V8 has it by itself from Node 22 on, and before that where it is told to, which must then be done before `thisHost` is asked. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(multiplyAddProbe());
}

function fusesMultiplyAdd(): boolean {
  const imports = { env: { memory: new WebAssembly.Memory({ initial: 1 }) } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(multiplyAddProbe()), imports);
  return roundsOnce(exports["f0"] as (a: number, b: number, c: number) => number);
}
