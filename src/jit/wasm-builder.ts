/**
 * Writes WebAssembly modules: the part of the binary format that translated regions use. WebAssembly Core Specification 2.0,
 * chapter 5; branch hints as in the custom section `metadata.code.branch_hint`.
 */
import { assert } from "../base/assert.ts";

/** Value types, as the format numbers them. */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;

export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** Bytes that grow, with the format's LEB128 numbers. */
export class ByteSink {
  private bytes = new Uint8Array(1024);
  length = 0;

  byte(value: number): void {
    if (this.length === this.bytes.length) this.grow(1);
    this.bytes[this.length++] = value;
  }

  private grow(atLeast: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + atLeast));
    larger.set(this.bytes);
    this.bytes = larger;
  }

  append(other: Uint8Array): void {
    if (this.length + other.length > this.bytes.length) this.grow(other.length);
    this.bytes.set(other, this.length);
    this.length += other.length;
  }

  /** A u32. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** A signed integer that a double holds exactly. */
  signed(value: number): void {
    let rest = value;
    for (;;) {
      const low = ((rest % 128) + 128) % 128;
      rest = (rest - low) / 128;
      if ((rest === 0 && low < 64) || (rest === -1 && low >= 64)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  /** A signed 64-bit integer. */
  signed64(value: bigint): void {
    let rest = value;
    for (;;) {
      const low = Number(rest & 127n);
      rest >>= 7n;
      if ((rest === 0n && low < 64) || (rest === -1n && low >= 64)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  text(value: string): void {
    this.unsigned(value.length);
    for (let i = 0; i < value.length; i++) this.byte(value.charCodeAt(i));
  }

  /** What was written; a view that the next write may leave behind. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}

/** A label of the structured control that is open; made by `block`, `loop` and `if`. */
export interface Label {
  readonly depth: number;
}

/**
 * One function's body. Instructions are appended as they are called; a branch names the label that a `block`, `loop` or
 * `when` gave.
 */
export class FunctionBody {
  private readonly code = new ByteSink();
  private readonly localTypes: number[] = [];
  private readonly localNames: string[] = [];
  private readonly hints: { offset: number; likely: boolean }[] = [];
  private depth = 0;
  private readonly parameterCount: number;

  constructor(parameterCount: number) {
    this.parameterCount = parameterCount;
  }

  /** A new local variable of zeros. @param name for people, and no other's @returns its index */
  local(type: number, name: string): number {
    this.localTypes.push(type);
    this.localNames.push(name);
    return this.parameterCount + this.localTypes.length - 1;
  }

  op(opcode: number): this {
    this.code.byte(opcode);
    return this;
  }

  /** An instruction of the vector extension. @param lane where it has one */
  simd(opcode: number, lane?: number): this {
    this.code.byte(0xfd);
    this.code.unsigned(opcode);
    if (lane !== undefined) this.code.byte(lane);
    return this;
  }

  get(local: number): this {
    this.code.byte(0x20);
    this.code.unsigned(local);
    return this;
  }

  set(local: number): this {
    this.code.byte(0x21);
    this.code.unsigned(local);
    return this;
  }

  tee(local: number): this {
    this.code.byte(0x22);
    this.code.unsigned(local);
    return this;
  }

  i32(value: number): this {
    this.code.byte(0x41);
    this.code.signed(value | 0);
    return this;
  }

  i64(value: number | bigint): this {
    this.code.byte(0x42);
    if (typeof value === "number") this.code.signed(value);
    else this.code.signed64(BigInt.asIntN(64, value));
    return this;
  }

  f64(value: number): this {
    this.code.byte(0x44);
    this.code.append(new Uint8Array(new Float64Array([value]).buffer));
    return this;
  }

  f32(value: number): this {
    this.code.byte(0x43);
    this.code.append(new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  /** A load or store: alignment is only a hint, so none is claimed. */
  memory(opcode: number, offset: number): this {
    this.code.byte(opcode);
    this.code.byte(0);
    this.code.unsigned(offset);
    return this;
  }

  call(functionIndex: number): this {
    this.code.byte(0x10);
    this.code.unsigned(functionIndex);
    return this;
  }

  globalGet(global: number): this {
    this.code.byte(0x23);
    this.code.unsigned(global);
    return this;
  }

  globalSet(global: number): this {
    this.code.byte(0x24);
    this.code.unsigned(global);
    return this;
  }

  /** Goes on in another function and does not come back. */
  returnCall(functionIndex: number): this {
    this.code.byte(0x12);
    this.code.unsigned(functionIndex);
    return this;
  }

  /** Goes on in a function of the table, whose index is on the stack behind its parameters, and does not come back. */
  returnCallIndirect(typeIndex: number): this {
    this.code.byte(0x13);
    this.code.unsigned(typeIndex);
    this.code.byte(0);
    return this;
  }

  block(): Label {
    return this.open(0x02, 0x40);
  }

  loop(): Label {
    return this.open(0x03, 0x40);
  }

  /** `if` on the i32 on the stack. @param likely a hint for the compiler; undefined: none */
  when(likely?: boolean, result = 0x40): Label {
    if (likely !== undefined) this.hints.push({ offset: this.code.length, likely });
    return this.open(0x04, result);
  }

  otherwise(): this {
    this.code.byte(0x05);
    return this;
  }

  private open(opcode: number, result: number): Label {
    this.code.byte(opcode);
    this.code.byte(result);
    return { depth: this.depth++ };
  }

  end(): this {
    this.code.byte(0x0b);
    this.depth--;
    return this;
  }

  branch(label: Label): this {
    this.code.byte(0x0c);
    this.code.unsigned(this.distance(label));
    return this;
  }

  branchIf(label: Label, likely?: boolean): this {
    if (likely !== undefined) this.hints.push({ offset: this.code.length, likely });
    this.code.byte(0x0d);
    this.code.unsigned(this.distance(label));
    return this;
  }

  branchTable(labels: readonly Label[], fallback: Label): this {
    this.code.byte(0x0e);
    this.code.unsigned(labels.length);
    for (const label of labels) this.code.unsigned(this.distance(label));
    this.code.unsigned(this.distance(fallback));
    return this;
  }

  private distance(label: Label): number {
    const distance = this.depth - 1 - label.depth;
    assert(distance >= 0, "a branch leads to a label that is open");
    return distance;
  }

  /** Of the locals, in the order of their indices, which begin behind the parameters'. */
  get names(): readonly string[] {
    return this.localNames;
  }

  /** Bytes of code so far. */
  get size(): number {
    return this.code.length;
  }

  /** @returns the body with its locals and without its size; `hints` with offsets in it */
  finish(): { readonly bytes: Uint8Array; readonly hints: readonly { readonly offset: number; readonly likely: boolean }[] } {
    assert(this.depth === 0, "every block has its end");
    const sink = new ByteSink();
    const groups: [count: number, type: number][] = [];
    for (const type of this.localTypes) {
      const last = groups.at(-1);
      if (last !== undefined && last[1] === type) last[0]++;
      else groups.push([1, type]);
    }
    sink.unsigned(groups.length);
    for (const [count, type] of groups) {
      sink.unsigned(count);
      sink.byte(type);
    }
    const start = sink.length;
    sink.append(this.code.view());
    sink.byte(0x0b);
    return { bytes: sink.take(), hints: this.hints.map(({ offset, likely }) => ({ offset: offset + start, likely })) };
  }
}

export interface ModuleParts {
  /** Imported functions, all from `env`; they have the first indices. */
  readonly imports: readonly { readonly name: string; readonly type: FunctionType }[];
  /** It imports `env.table`, a table of functions. */
  readonly table?: boolean;
  /** A table of its own of so many functions, exported under that name. */
  readonly ownTable?: { readonly name: string; readonly length: number } | undefined;
  /** i64 variables of the instance, zeros at first, exported under these names. */
  readonly globals?: readonly string[];
  /** The module's functions, all of one type, exported as `f0`, `f1`, … */
  readonly type: FunctionType;
  readonly bodies: readonly FunctionBody[];
  /** What the functions' parameters are called: then the module has a name section, for people who read it. */
  readonly parameterNames?: readonly string[] | undefined;
}

/** A module that imports its memory, the functions named, and exports its own. Their type has the index behind those of the imports. */
export function moduleBytes({ imports, table = false, ownTable, globals = [], type, bodies, parameterNames }: ModuleParts): Uint8Array {
  const out = new ByteSink();
  out.append(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  section(out, 1, (sink) => {
    sink.unsigned(imports.length + 1);
    for (const each of [...imports.map((entry) => entry.type), type]) {
      sink.byte(0x60);
      sink.unsigned(each.parameters.length);
      for (const parameter of each.parameters) sink.byte(parameter);
      sink.unsigned(each.results.length);
      for (const result of each.results) sink.byte(result);
    }
  });
  section(out, 2, (sink) => {
    sink.unsigned(imports.length + (table ? 2 : 1));
    sink.text("env");
    sink.text("memory");
    sink.append(Uint8Array.of(2, 0, 1));
    if (table) {
      sink.text("env");
      sink.text("table");
      sink.append(Uint8Array.of(1, 0x70, 0, 0));
    }
    imports.forEach(({ name }, index) => {
      sink.text("env");
      sink.text(name);
      sink.byte(0);
      sink.unsigned(index);
    });
  });
  section(out, 3, (sink) => {
    sink.unsigned(bodies.length);
    for (let i = 0; i < bodies.length; i++) sink.unsigned(imports.length);
  });
  if (ownTable !== undefined) {
    section(out, 4, (sink) => {
      sink.append(Uint8Array.of(1, 0x70, 1));
      sink.unsigned(ownTable.length);
      sink.unsigned(ownTable.length);
    });
  }
  if (globals.length > 0) {
    section(out, 6, (sink) => {
      sink.unsigned(globals.length);
      for (let i = 0; i < globals.length; i++) sink.append(Uint8Array.of(I64, 1, 0x42, 0, 0x0b));
    });
  }
  section(out, 7, (sink) => {
    sink.unsigned(bodies.length + globals.length + (ownTable === undefined ? 0 : 1));
    for (let i = 0; i < bodies.length; i++) {
      sink.text(`f${i}`);
      sink.byte(0);
      sink.unsigned(imports.length + i);
    }
    if (ownTable !== undefined) {
      sink.text(ownTable.name);
      sink.append(Uint8Array.of(1, 0));
    }
    for (const [index, name] of globals.entries()) {
      sink.text(name);
      sink.byte(3);
      sink.unsigned(index);
    }
  });
  const finished = bodies.map((body) => body.finish());
  section(out, 0, (sink) => {
    sink.text("metadata.code.branch_hint");
    const hinted = finished.map(({ hints }, index) => ({ hints, index })).filter(({ hints }) => hints.length > 0);
    sink.unsigned(hinted.length);
    for (const { hints, index } of hinted) {
      sink.unsigned(imports.length + index);
      sink.unsigned(hints.length);
      for (const { offset, likely } of hints) {
        sink.unsigned(offset);
        sink.byte(1);
        sink.byte(likely ? 1 : 0);
      }
    }
  });
  section(out, 10, (sink) => {
    sink.unsigned(finished.length);
    for (const { bytes } of finished) {
      sink.unsigned(bytes.length);
      sink.append(bytes);
    }
  });
  if (parameterNames !== undefined) {
    section(out, 0, (sink) => {
      sink.text("name");
      section(sink, 1, (names) => nameMap(names, [...imports.map(({ name }) => name), ...bodies.map((_, index) => `f${index}`)]));
      section(sink, 2, (locals) => {
        locals.unsigned(bodies.length);
        bodies.forEach((body, index) => {
          locals.unsigned(imports.length + index);
          nameMap(locals, [...parameterNames, ...body.names]);
        });
      });
    });
  }
  return out.take();
}

function nameMap(sink: ByteSink, names: readonly string[]): void {
  sink.unsigned(names.length);
  for (const [index, name] of names.entries()) {
    sink.unsigned(index);
    sink.text(name);
  }
}

function section(out: ByteSink, id: number, content: (sink: ByteSink) => void): void {
  const sink = new ByteSink();
  content(sink);
  out.byte(id);
  out.unsigned(sink.length);
  out.append(sink.view());
}
