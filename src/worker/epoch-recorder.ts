/**
 * Keeps the log of a VM on disk, where the operator wants it kept: with it, any run can be run again without its failures.
 *
 *     recording --file cannot be written--> given up (said once; the guest goes on)
 *
 *     FOLDER/<vmId>/boot.json          what the machine began with: images, command line, memory, seed
 *     FOLDER/<vmId>/<replicaId>.log    records of the epochs that this replica ran as primary, frames of the logging channel
 *
 * A VM that is started again has another guest: what there is of the one before is set aside, as `<vmId>-before-<replicaId>`.
 *
 * A record is written before it is sent, so what any other replica knows is there, however this process ends. Where several
 * replicas were primary one after the other, each one's log is good up to the first epoch of the next one's.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { EpochRecord } from "../hypervisor/messages.ts";
import { LoggingChannelEncoder } from "../wire/logging-channel.ts";

export interface BootRecord {
  readonly memoryMiB: number;
  readonly kernelDigest: string;
  readonly initramfsDigest: string;
  readonly cmdline: string;
  /** Hex. */
  readonly rngSeed: string;
  /** Decimal: offset of the guest's first console byte. */
  readonly consoleBase: string;
}

export class EpochRecorder {
  private readonly folder: string;
  private readonly encoder = new LoggingChannelEncoder();
  private file: number | null = null;
  private givenUp = false;

  /** @param folder of all VMs' records */
  constructor(
    folder: string,
    vmId: string,
    private readonly replicaId: string,
    private readonly onFailure: (error: Error) => void,
  ) {
    this.folder = join(folder, vmId);
  }

  booted(boot: BootRecord): void {
    this.attempt(() => {
      if (existsSync(this.folder)) renameSync(this.folder, `${this.folder}-before-${this.replicaId}`);
      mkdirSync(this.folder, { recursive: true });
      writeFileSync(join(this.folder, "boot.json"), `${JSON.stringify(boot)}\n`);
    });
  }

  ended(record: EpochRecord): void {
    this.attempt(() => {
      if (this.file === null) {
        mkdirSync(this.folder, { recursive: true });
        this.file = openSync(join(this.folder, `${this.replicaId}.log`), "a");
      }
      const bytes = this.encoder.encode({ kind: "epoch", term: 0n, record });
      for (let written = 0; written < bytes.length; ) written += writeSync(this.file, bytes, written);
    });
  }

  close(): void {
    if (this.file !== null) closeSync(this.file);
    this.file = null;
    this.givenUp = true;
  }

  /** What cannot be kept is no reason to stop a guest; a log with a hole in it is worth nothing, so it ends there. */
  private attempt(write: () => void): void {
    if (this.givenUp) return;
    try {
      write();
    } catch (error) {
      this.close();
      this.onFailure(error as Error);
    }
  }
}
