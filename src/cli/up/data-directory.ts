/**
 * The folder that a local installation keeps everything in.
 *
 *     token        bearer token of the API, mode 0600
 *     join-token   what a worker shows to the control plane, mode 0600
 *     images/      content-addressed store of guest images
 *     logs/        one file for each process
 *     up.lock      who runs here, and what it started
 *     ...          the control plane's own: the embedded database
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UnderstudyError } from "../../base/errors.ts";

export class DataDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get tokenFile(): string {
    return join(this.path, "token");
  }

  get joinTokenFile(): string {
    return join(this.path, "join-token");
  }

  get imageStore(): string {
    return join(this.path, "images");
  }

  get lockFile(): string {
    return join(this.path, "up.lock");
  }

  logFile(service: string): string {
    return join(this.path, "logs", `${service}.log`);
  }

  async exists(): Promise<boolean> {
    return await stat(this.path).then(
      () => true,
      () => false,
    );
  }

  /** Makes what is missing; what is there stays. */
  async prepare(): Promise<void> {
    await this.guard(async () => {
      await mkdir(this.path, { recursive: true });
      await this.letDatabaseIn();
      await mkdir(join(this.path, "logs"), { recursive: true, mode: 0o700 });
      await mkdir(this.imageStore, { recursive: true });
    });
    await this.prepareTokens();
  }

  /** Started by root, the embedded database runs as another user below this folder. What is secret has a mode of its own. */
  private async letDatabaseIn(): Promise<void> {
    if (process.getuid?.() !== 0) return;
    const { mode } = await stat(this.path);
    if ((mode & 0o001) === 0) await chmod(this.path, (mode & 0o777) | 0o011);
  }

  async prepareTokens(): Promise<void> {
    await this.guard(async () => {
      await mkdir(this.path, { recursive: true });
      for (const file of [this.tokenFile, this.joinTokenFile]) await makeSecret(file);
    });
  }

  private async guard(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      throw new UnderstudyError(
        "data_directory_unusable",
        `Cannot use the data directory ${this.path}: ${message}; choose another with --data-dir`,
        {
          cause: error,
        },
      );
    }
  }
}

/** Written in full or not at all: a reader never sees half a secret. */
async function makeSecret(file: string): Promise<void> {
  try {
    if ((await readFile(file, "utf8")).trim() !== "") {
      if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
      return;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const partial = `${file}.${process.pid}`;
  await writeFile(partial, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  await rename(partial, file);
}
