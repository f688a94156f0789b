/** What the machine's .wasm exports (src/machine/index.ts): u64 as bigint, u32 as number, booleans as 0 or 1. */
export interface MachineAbi {
  setUp(ramBytes: bigint): number;
  bootSupervisor(entry: bigint, deviceTree: bigint): void;
  bootMachine(entry: bigint, deviceTree: bigint): void;
  beginEpoch(time: bigint, rate: number): void;
  queueInput(offset: bigint, length: number): number;
  inputRoom(): number;
  run(until: bigint): number;
  instant(): bigint;
  time(): bigint;
  waiting(): number;
  wakeTime(): bigint;
  halted(): number;
  consoleEnd(): bigint;
  consoleRing(): number;
  consoleRingSize(): number;
  exchange(): number;
  inputSessions(): number;
  ramOffset(): number;
  registers(): number;
  programCounter(): bigint;
  written(address: number, length: number): void;
  stateHash(): bigint;
  beginTransfer(): number;
  takePage(from: number): number;
  endTake(): void;
  pagesLeft(): number;
  isZeroPage(page: number): number;
  firstPage(): number;
  alwaysEnd(): number;
  stateEndPage(): number;
  ramFirstPage(): number;
  ramEndPage(): number;
  restored(): void;
  layoutVersion(): number;
}
