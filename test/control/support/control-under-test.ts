/** A control plane on free ports, with a database and an image store of its own, and scripted workers. */
import { EventEmitter, once } from "node:events";
import { rm } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { FastifyInstance } from "fastify";
import type pg from "pg";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { buildApp } from "../../../src/control/app.ts";
import type { ControlPlane } from "../../../src/control/control-plane.ts";
import { type CreatedControlPlane, createControlPlane } from "../../../src/control/create-control-plane.ts";
import { registerToken } from "../../../src/control/db/queries/tokens.ts";
import { buildInternalApp } from "../../../src/control/internal-app.ts";
import type { Event } from "../../../src/control/schemas/event.ts";
import type { Vm } from "../../../src/control/schemas/vm.ts";
import type { ControlSettings } from "../../../src/control/settings.ts";
import type { ImageStore } from "../../../src/images/index.ts";
import type { AuthorityMaterial } from "../../../src/pki/certificate-authority.ts";
import type { Tracer } from "../../../src/tracing/tracer.ts";
import { decodeConsoleFrame, encodeConsoleFrame } from "../../../src/wire/console-frames.ts";
import { makeImageStore } from "./image-store.ts";
import { type ScriptedGuest, ScriptedWorker, type ScriptedWorkerOptions } from "./scripted-worker.ts";
import { sharedDatabases } from "./shared-databases.ts";

export const TOKEN = "ust_of_the_tests";
export const JOIN_TOKEN = "usj_of_the_tests";

/** Nobody is lost by the clock: a loaded machine must not tell a story of its own. */
const PATIENT = { workerLostMs: 120_000, vmLostMs: 120_000, bootGraceMs: 120_000 };
/** Images stay where a test has put them, unless it is about that. */
const UNSHARED = { imageShareMs: 3_600_000 };
/** For stories of workers that are lost because nothing was heard of them for long enough. */
export const IMPATIENT = { workerLostMs: 400, vmLostMs: 800, workerPingMs: 50 };

/** A connection costs Postgres more than what most tests ask over it; what comes at once waits in the pool, as in service. */
const POOL_SIZE = 3;

export interface Answer<T = Record<string, never>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface ControlUnderTestOptions {
  /** Default: a database of its own, on the server that all tests share; dropped when it closes. */
  readonly connection?: pg.PoolConfig;
  /** Names of those that join first. */
  readonly workers?: readonly string[];
  readonly settings?: Partial<ControlSettings>;
  readonly images?: ImageStore;
  /** Default: long enough for a slow machine. */
  readonly queryTimeoutMs?: number;
  /** True: as many connections to the database as in service, so that as many calls can meet there. */
  readonly raced?: boolean;
  /** The internal listener speaks TLS. */
  readonly secure?: boolean;
  readonly joinToken?: string;
  readonly authority?: AuthorityMaterial | null;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
}

export class ControlUnderTest {
  readonly parts: ControlPlane;
  readonly url: string;
  readonly internalUrl: string;
  readonly images: ImageStore;
  readonly guests = new Map<string, ScriptedGuest>();
  readonly log: Record<string, unknown>[];
  readonly connection: pg.PoolConfig;
  private readonly created: CreatedControlPlane;
  private readonly apps: readonly FastifyInstance[];
  readonly workers: ScriptedWorker[] = [];
  private readonly sockets: ConsoleSocket[] = [];
  private readonly ownDatabase: boolean;
  private stopped = false;
  private closed = false;

  private constructor(
    created: CreatedControlPlane,
    apps: readonly FastifyInstance[],
    images: ImageStore,
    log: Record<string, unknown>[],
    connection: pg.PoolConfig,
    ownDatabase: boolean,
  ) {
    this.connection = connection;
    this.ownDatabase = ownDatabase;
    this.created = created;
    this.parts = created.parts;
    this.apps = apps;
    this.images = images;
    this.log = log;
    const [url = "", internalUrl = ""] = apps.map(
      ({ server }) => `${server instanceof TlsServer ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    this.url = url;
    this.internalUrl = internalUrl;
  }

  /** For one test, or called by a `beforeEach`: closed when the test is over. */
  static async ofTest(options: ControlUnderTestOptions = {}): Promise<ControlUnderTest> {
    const control = await ControlUnderTest.start(options);
    onTestFinished(() => control.close());
    return control;
  }

  static async start({
    connection: given,
    workers = [],
    settings,
    images,
    queryTimeoutMs = 60_000,
    raced = false,
    secure = false,
    joinToken = JOIN_TOKEN,
    authority = null,
    tracer,
  }: ControlUnderTestOptions = {}): Promise<ControlUnderTest> {
    const connection = given ?? (await (await sharedDatabases()).newDatabase());
    const log: Record<string, unknown>[] = [];
    const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(JSON.parse(line)) });
    const store = images ?? (await makeImageStore());
    const created = createControlPlane({
      connection,
      queryTimeoutMs,
      ...(raced ? {} : { poolSize: POOL_SIZE }),
      imageStore: store.dir,
      log: logger,
      ...(tracer === undefined ? {} : { tracer }),
      settings: { ...PATIENT, ...UNSHARED, tickMs: 50, repeatOrderMs: 300, ...settings },
    });
    await registerToken(created.parts.database.db, "test", TOKEN);
    const { app } = await buildApp(created.parts);
    const internal = await buildInternalApp(created.parts, joinToken, { secure, authority });
    await created.start();
    await app.listen({ host: "127.0.0.1", port: 0 });
    await internal.listen({ host: "127.0.0.1", port: 0 });
    const control = new ControlUnderTest(created, [app, internal], store, log, connection, given === undefined);
    for (const name of workers) await control.join(name);
    return control;
  }

  async join(name: string, options: Partial<ScriptedWorkerOptions> = {}): Promise<ScriptedWorker> {
    const worker = await ScriptedWorker.join({
      internalUrl: this.internalUrl,
      joinToken: JOIN_TOKEN,
      guests: this.guests,
      name,
      ...options,
    });
    this.workers.push(worker);
    return worker;
  }

  workerNamed(name: string): ScriptedWorker {
    const worker = this.workers.findLast((each) => each.options.name === name);
    if (worker === undefined) throw new Error(`no worker ${name}`);
    return worker;
  }

  /** The worker that holds the VM's primary. */
  workerOf(vm: Vm): ScriptedWorker {
    const worker = this.workers.find((each) =>
      [...each.reports.values()].some((report) => report.vmId === vm.id && report.role === "primary"),
    );
    if (worker === undefined) throw new Error(`nobody holds ${vm.id}`);
    return worker;
  }

  async call<T = Record<string, never>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === "" ? null : JSON.parse(text)) as T };
  }

  get<T = Record<string, never>>(path: string): Promise<Answer<T>> {
    return this.call<T>("GET", path);
  }

  async createVm(name: string, mode: "lockstep" | "none" = "lockstep"): Promise<Vm> {
    const { body, status } = await this.call<Vm>("POST", "/v1/vms", { name, spec: { image: "debian", protection: { mode } } });
    if (status !== 201) throw new Error(`creating ${name}: ${JSON.stringify(body)}`);
    return body;
  }

  async waitFor(vm: string, target: string): Promise<Vm> {
    for (let asked = 1; ; asked++) {
      const { body } = await this.get<{ reached: boolean; vm: Vm }>(`/v1/vms/${vm}/wait?for=${target}&timeout=60`);
      if (body.reached === true) return body.vm;
      if (body.reached !== false || asked === 4) throw new Error(`${vm} is not ${target}: ${JSON.stringify(body)}`);
    }
  }

  /** Reads the VM until `look` holds; wakes with each event. */
  async vmThat(vm: string, look: (vm: Vm) => boolean): Promise<Vm> {
    for (;;) {
      const news = this.parts.feed.next(1000);
      const { body } = await this.get<Vm>(`/v1/vms/${vm}`);
      if (body.status !== undefined && look(body)) return body;
      await news;
    }
  }

  async eventsOf(types: string): Promise<Event[]> {
    return (await this.get<{ items: Event[] }>(`/v1/events?types=${types}`)).body.items;
  }

  /** Reads events until there is one that fits. */
  async eventThat(types: string, look: (event: Event) => boolean): Promise<Event> {
    for (;;) {
      const news = this.parts.feed.next(1000);
      const found = (await this.eventsOf(types)).find(look);
      if (found !== undefined) return found;
      await news;
    }
  }

  /** A protected VM with its primary on the first worker of the two that hold it. */
  async protectedVm(
    name: string,
  ): Promise<{ vm: Vm; primary: ScriptedWorker; backup: ScriptedWorker; primaryId: string; backupId: string }> {
    await this.createVm(name);
    const vm = await this.waitFor(name, "protected");
    const of = (role: string) => {
      const replica = vm.status.replicas.find((each) => each.role === role && each.state === "live");
      const worker = this.workers.find((each) => each.workerId === replica?.worker);
      if (replica === undefined || worker === undefined) throw new Error(`no ${role} in ${JSON.stringify(vm.status.replicas)}`);
      return { id: replica.id, worker };
    };
    const primary = of("primary");
    const backup = of("backup");
    // The primary tells its backup the term of its addition on the logging channel.
    await primary.worker.until(() => primary.worker.reports.get(primary.id)?.synced.length === 1);
    backup.worker.report(backup.id, { state: "live", term: String(vm.status.term) });
    return { vm, primary: primary.worker, backup: backup.worker, primaryId: primary.id, backupId: backup.id };
  }

  /** Kills the worker; resolves when the control plane has noticed. */
  async kill(worker: ScriptedWorker): Promise<void> {
    const left = once(this.parts.workers, "left");
    worker.kill();
    await left;
  }

  async attach(vm: string, query: Record<string, string> = {}, acknowledges = true): Promise<ConsoleSocket> {
    const socket = new ConsoleSocket(`${this.url.replace("http", "ws")}/v1/vms/${vm}/console?${new URLSearchParams(query)}`);
    socket.acknowledges = acknowledges;
    this.sockets.push(socket);
    await socket.hello();
    return socket;
  }

  /** As the first step of a stop: the listeners are still there. */
  beginStopping(): void {
    this.created.beginStopping();
  }

  /** As a stop of the process: its workers and their replicas go on. */
  async stopButWorkers(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.beginStopping();
    for (const app of this.apps) await app.close();
    await this.created.close();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const worker of this.workers) worker.close();
    for (const socket of this.sockets) socket.terminate();
    await this.stopButWorkers();
    await rm(this.images.dir, { recursive: true, force: true });
    if (this.ownDatabase) await (await sharedDatabases()).drop(this.connection);
  }
}

/** A console client that keeps everything it was sent, and acknowledges output as it comes. */
export class ConsoleSocket extends EventEmitter {
  readonly messages: Record<string, unknown>[] = [];
  /** Output by offset, and where the next byte is expected. */
  text = "";
  next: bigint | null = null;
  acknowledges = true;
  closed: { code: number; reason: string } | null = null;
  refusal: { status: number; body: Record<string, never> } | null = null;
  private readonly socket: WebSocket;
  private inputOffset = 0n;

  constructor(
    url: string,
    headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` },
    protocols: string[] = ["understudy.console.v1"],
  ) {
    super();
    this.socket = new WebSocket(url, protocols, { headers });
    this.socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.receiveFrame(data);
      else this.messages.push(JSON.parse(data.toString()));
      this.emit("change");
    });
    this.socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => {
        this.refusal = { status: response.statusCode ?? 0, body: JSON.parse(body) };
        this.emit("change");
      });
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.emit("change");
    });
  }

  async until<T>(look: () => T | undefined | false | null): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false && found !== null) return found;
      await once(this, "change");
    }
  }

  async hello(): Promise<Record<string, unknown>> {
    const hello = await this.message("hello");
    this.next ??= BigInt(hello["from"] as string);
    this.inputOffset = BigInt(hello["inputNext"] as string);
    return hello;
  }

  message(type: string, matches: (message: Record<string, unknown>) => boolean = () => true): Promise<Record<string, unknown>> {
    return this.until(() => {
      if (this.closed !== null || this.refusal !== null) {
        if (!this.messages.some((each) => each["type"] === type && matches(each)))
          throw new Error(JSON.stringify(this.refusal ?? this.closed));
      }
      return this.messages.find((each) => each["type"] === type && matches(each));
    });
  }

  output(wanted: string): Promise<true> {
    return this.until(() => {
      if (this.closed !== null && !this.text.includes(wanted))
        throw new Error(`closed ${JSON.stringify(this.closed)} after ${JSON.stringify(this.text)}`);
      return this.text.includes(wanted);
    });
  }

  /** Types at the end of what was typed before. */
  type(text: string): void {
    this.input(this.inputOffset, text);
    this.inputOffset += BigInt(text.length);
  }

  input(offset: bigint, text: string): void {
    this.socket.send(encodeConsoleFrame({ type: "in", offset, bytes: Buffer.from(text) }));
  }

  acknowledge(offset: bigint, window = 256 * 1024): void {
    this.socket.send(encodeConsoleFrame({ type: "ack", offset, window }));
  }

  sendRaw(data: Buffer | string): void {
    this.socket.send(data);
  }

  /** As they are, past the library that would make a frame of them. */
  sendBytes(bytes: Buffer): void {
    (this.socket as unknown as { readonly _socket: Socket })._socket.write(bytes);
  }

  close(code: number): void {
    this.socket.close(code);
  }

  terminate(): void {
    this.socket.terminate();
  }

  private receiveFrame(data: Buffer): void {
    const frame = decodeConsoleFrame(data);
    if (frame.type !== "out") throw new Error(`the service sent ${frame.type}`);
    const gap = this.messages.findLast((message) => message["type"] === "gap");
    if (gap !== undefined && BigInt(gap["resumedAt"] as string) > (this.next ?? 0n)) this.next = BigInt(gap["resumedAt"] as string);
    this.next ??= frame.offset;
    if (frame.offset !== this.next) throw new Error(`output at ${frame.offset}, the next byte is ${this.next}`);
    this.text += Buffer.from(frame.bytes).toString();
    this.next += BigInt(frame.bytes.length);
    if (this.acknowledges) this.acknowledge(this.next);
  }
}
