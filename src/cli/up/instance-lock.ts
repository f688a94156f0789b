/**
 * One installation for each data directory: a lock file that names its holder and the processes the holder started.
 *
 *     free --create--> held --release--> free
 *                       |  the holder was killed
 *                       v
 *                     stale --taken over--> held     its orphans are ended first
 *
 * A process is known by its pid and by when it started, so that another one that got the same number is never mistaken.
 */
import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { UnderstudyError } from "../../base/errors.ts";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the host's boot, as /proc says; null where there is no /proc. */
  readonly startTime: string | null;
}

interface LockContent extends ProcessIdentity {
  readonly children: readonly (ProcessIdentity & { readonly name: string })[];
}

export class InstanceLock {
  private readonly file: string;
  private readonly own: ProcessIdentity;
  private children: LockContent["children"] = [];
  /** Processes of a holder that was killed, which still run. */
  readonly orphans: LockContent["children"];
  private writing: Promise<void> = Promise.resolve();

  private constructor(file: string, own: ProcessIdentity, orphans: LockContent["children"]) {
    this.file = file;
    this.own = own;
    this.orphans = orphans;
  }

  /** @throws {UnderstudyError} `data_directory_in_use` where the holder runs */
  static async acquire(file: string): Promise<InstanceLock> {
    const own = { pid: process.pid, startTime: await startTimeOf(process.pid) };
    const text = JSON.stringify({ ...own, children: [] } satisfies LockContent);
    const orphans: LockContent["children"][number][] = [];
    for (;;) {
      if (await createWhole(file, text)) return new InstanceLock(file, own, orphans);
      const seen = await readFile(file, "utf8").catch(() => null);
      if (seen === null) continue;
      const holder = parse(seen);
      if (holder !== null && (await isRunning(holder))) {
        throw new UnderstudyError(
          "data_directory_in_use",
          `Cannot start on ${file.replace(/\/up\.lock$/, "")}: process ${holder.pid} runs there; stop it, or choose another with --data-dir`,
        );
      }
      for (const child of holder?.children ?? []) if (await isRunning(child)) orphans.push(child);
      await takeAway(file, seen);
    }
  }

  /** Writes down what was started, for whoever finds the lock stale. */
  recordChildren(children: LockContent["children"]): Promise<void> {
    this.children = children;
    this.writing = this.writing.then(async () => {
      const partial = `${this.file}.${process.pid}`;
      await writeFile(partial, JSON.stringify({ ...this.own, children: this.children } satisfies LockContent), { mode: 0o600 });
      await rename(partial, this.file);
    });
    return this.writing;
  }

  async release(): Promise<void> {
    await this.writing;
    await rm(this.file, { force: true });
  }
}

/** Nobody ever reads half of it. @returns false where the file is there already */
async function createWhole(file: string, text: string): Promise<boolean> {
  const partial = `${file}.${randomUUID()}`;
  await writeFile(partial, text, { mode: 0o600 });
  try {
    await link(partial, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(partial, { force: true });
  }
}

/** Removes exactly the lock that was found stale: another process may have taken over meanwhile. */
async function takeAway(file: string, seen: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await readFile(aside, "utf8")) === seen) await rm(aside, { force: true });
  else await rename(aside, file);
}

function parse(text: string): LockContent | null {
  try {
    const content = JSON.parse(text) as LockContent;
    return Number.isInteger(content.pid) && Array.isArray(content.children) ? content : null;
  } catch {
    return null;
  }
}

/** @returns null where the process does not exist, or the system has no /proc */
export async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (stat === null) return null;
  // The second field is the program's name in parentheses, which may hold anything; field 22 is the start time.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

export async function isRunning(process_: ProcessIdentity): Promise<boolean> {
  try {
    process.kill(process_.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const startTime = await startTimeOf(process_.pid);
  if (startTime === null || process_.startTime === null) return true;
  return startTime === process_.startTime && !(await isZombie(process_.pid));
}

async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}
