/**
 * The host's side of HTIF, by which bare-metal test programs talk to their host: a word `tohost` that the guest stores a
 * request to, and a word `fromhost` for the answer.
 *
 * A request is device (8 bits), command (8), payload (48). Device 0, command 0: an odd payload ends the program, 1 for a pass and
 * otherwise 2 N + 1 for failing test N; an even one is the address of a system call's number and arguments, of which `write`
 * is served. Device 1, command 1: a byte for the console.
 */
import { UnderstudyError } from "../base/errors.ts";
import type { ElfSymbols } from "./elf.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

/** What the guest asked for. */
export type HtifRequest =
  | { readonly kind: "none" }
  | { readonly kind: "output"; readonly bytes: Uint8Array }
  /** 0: passed; otherwise the number of the failing test. */
  | { readonly kind: "exit"; readonly failed: bigint };

const WORD = 8;
const SYSTEM_CALL_WRITE = 64n;
const PAYLOAD_MASK = (1n << 48n) - 1n;
/** One call writes this much at most; the guest repeats. */
const WRITE_MAX = 1n << 20n;

const NONE: HtifRequest = { kind: "none" };

export class Htif {
  private readonly vm: VirtualMachine;
  private readonly tohost: number;
  private readonly fromhost: number | null;

  /** @throws {UnderstudyError} `htif_invalid` where a word is not in memory */
  constructor(vm: VirtualMachine, tohost: number, fromhost: number | null) {
    this.vm = vm;
    this.tohost = this.checked("tohost", tohost);
    this.fromhost = fromhost === null ? null : this.checked("fromhost", fromhost);
  }

  /** Null for a program without the symbol. */
  static of(vm: VirtualMachine, { tohost, fromhost }: ElfSymbols): Htif | null {
    return tohost === null ? null : new Htif(vm, tohost, fromhost);
  }

  private checked(name: string, address: number): number {
    if (this.vm.hasRam(address, WORD)) return address;
    throw new UnderstudyError(
      "htif_invalid",
      `Cannot talk to the program: its symbol ${name} is at 0x${address.toString(16)}, outside of memory`,
    );
  }

  /**
   * Takes a request, if the guest has left one, and answers it. Between two runs.
   *
   * @throws {UnderstudyError} `htif_invalid` for a request that nobody serves here
   */
  poll(): HtifRequest {
    const request = this.read(this.tohost);
    if (request === 0n) return NONE;
    const device = request >> 56n;
    const command = (request >> 48n) & 0xffn;
    const payload = request & PAYLOAD_MASK;
    this.write(this.tohost, 0n);
    if (device === 1n && command === 1n) return { kind: "output", bytes: Uint8Array.of(Number(payload & 0xffn)) };
    if (device !== 0n || command !== 0n) throw unserved(request);
    if (payload % 2n === 1n) return { kind: "exit", failed: payload >> 1n };
    return { kind: "output", bytes: this.systemCall(request, Number(payload)) };
  }

  /** Serves `write`: four words at `address`, number, file descriptor, address and length; the first becomes the result. */
  private systemCall(request: bigint, address: number): Uint8Array {
    if (!this.vm.hasRam(address, 4 * WORD) || this.fromhost === null || this.read(address) !== SYSTEM_CALL_WRITE) throw unserved(request);
    const from = Number(this.read(address + 2 * WORD));
    const wanted = this.read(address + 3 * WORD);
    const length = Number(wanted < WRITE_MAX ? wanted : WRITE_MAX);
    if (!this.vm.hasRam(from, length)) throw unserved(request);
    const bytes = this.vm.readRam(from, length);
    this.write(address, BigInt(length));
    this.write(this.fromhost, 1n);
    return bytes;
  }

  private read(address: number): bigint {
    const bytes = this.vm.readRam(address, WORD);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  private write(address: number, value: bigint): void {
    const bytes = new Uint8Array(WORD);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    this.vm.writeRam(address, bytes);
  }
}

function unserved(request: bigint): UnderstudyError {
  return new UnderstudyError(
    "htif_invalid",
    `Cannot serve the request 0x${request.toString(16)} in tohost: it is no exit, no console byte and no write`,
  );
}
