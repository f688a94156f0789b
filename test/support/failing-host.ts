/** Makes the host of one process fail while it runs: its disk, its image store, its clock (host-faults.c says how). */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { Surroundings } from "../../src/cli/up/cluster.ts";
import { compileNative, missingCompiler } from "./native-program.ts";

const CONTROL_BYTES = 16;

/** False, and a loud line on stderr, where there is no compiler. */
export function hasFailingHosts(what: string): boolean {
  const missing = missingCompiler();
  if (missing !== null) process.stderr.write(`\nSKIPPED: ${what}. ${missing} is not there, and apt cannot install it\n\n`);
  return missing === null;
}

export interface HostFaults {
  /** Added to the real-time clock. */
  readonly clockStepSeconds?: number;
  /** EIO for whoever reads a file of the folder. */
  readonly readFails?: boolean;
  /** ENOSPC for whoever writes one, or to a log. */
  readonly writeFails?: boolean;
}

export class FailingHost {
  private readonly file: number;

  /**
   * @param controlFile made here, one for each process
   * @param folder whose files cannot be read or written
   */
  constructor(
    private readonly controlFile: string,
    private readonly folder: string,
  ) {
    this.file = openSync(controlFile, "w", 0o644);
    ftruncateSync(this.file, CONTROL_BYTES);
  }

  /** For the service whose host it is. */
  get surroundings(): Surroundings {
    const library = compileNative(new URL("host-faults.c", import.meta.url), ["-shared", "-fPIC", "-ldl"]);
    return { env: { LD_PRELOAD: library, HOST_FAULTS_CONTROL: this.controlFile, HOST_FAULTS_FOLDER: this.folder } };
  }

  /** From now on; what is not named does not fail. */
  fail({ clockStepSeconds = 0, readFails = false, writeFails = false }: HostFaults): void {
    const bytes = Buffer.alloc(CONTROL_BYTES);
    bytes.writeBigInt64LE(BigInt(clockStepSeconds), 0);
    bytes.writeInt32LE(Number(readFails), 8);
    bytes.writeInt32LE(Number(writeFails), 12);
    writeSync(this.file, bytes, 0, bytes.length, 0);
  }

  close(): void {
    closeSync(this.file);
  }
}
