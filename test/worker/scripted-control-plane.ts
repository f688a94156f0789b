/**
 * A control plane for tests: a real HTTP and WebSocket server that speaks the real control messages, with an arbiter of a
 * few lines and no database. Whatever a worker says is kept, and can be waited for.
 */
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";
import { type ControlConsoleFrame, decodeControlConsoleFrame, encodeControlConsoleFrame } from "../../src/wire/console-frames.ts";
import { decodeWorkerMessage, encodeControlChannelMessage } from "../../src/wire/control-codec.ts";
import type { ControlMessage, ReplicaReport, ReplicaSpec, WorkerHello, WorkerMessage } from "../../src/wire/control-messages.ts";

export const JOIN_TOKEN = "a-join-token-for-tests";

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** What the arbiter knows of a VM; tests look, and may change `available`. */
export interface ArbitratedVm {
  term: bigint;
  primary: string;
  synced: string[];
}

/** A connection of one worker. */
export class JoinedWorker {
  readonly messages: WorkerMessage[] = [];
  readonly reports = new Map<string, ReplicaReport>();
  connected = true;

  constructor(
    readonly hello: WorkerHello,
    readonly socket: WebSocket,
  ) {
    for (const report of hello.replicas) this.reports.set(report.replicaId, report);
  }

  send(message: ControlMessage): void {
    this.socket.send(encodeControlChannelMessage(message));
  }
}

/** Everything that a client of one VM's console saw, over all its primaries: each byte once, by offset. */
export class ConsoleClient {
  output = "";
  /** Offset after the bytes in `output`. */
  next: bigint;
  inputNext = 0n;
  durability: "replicated" | "solo" | null = null;
  closedWith: string | null = null;
  /** Null: it has come for every byte. Else where output went on behind what is not kept: from, to. */
  gaps: [bigint, bigint][] | null = null;
  readonly refusals: string[] = [];
  /** Times at which output came, milliseconds. */
  readonly arrivals: number[] = [];
  readonly inputSession = randomUUID();
  private input = Buffer.alloc(0);
  private worker: JoinedWorker | null = null;
  private subscription = 0;

  /** @param next offset of the first byte that it has not seen */
  constructor(
    private readonly plane: ScriptedControlPlane,
    next = 0n,
  ) {
    this.next = next;
  }

  /** Follows the VM to this replica, from where the output and the acknowledged input stand. */
  attach(worker: JoinedWorker, replicaId: string): void {
    this.worker = worker;
    this.closedWith = null;
    this.subscription = this.plane.subscribe(this);
    worker.send({ type: "consoleSubscribe", subscription: this.subscription, replicaId, from: this.next.toString() });
    worker.send({ type: "consoleSession", subscription: this.subscription, inputSession: this.inputSession });
  }

  type(text: string): void {
    this.input = Buffer.concat([this.input, Buffer.from(text)]);
    this.sendFrom(BigInt(this.input.length - Buffer.byteLength(text)));
  }

  /** Goes on as if so many bytes had been sent. */
  skipInput(bytes: number): void {
    this.input = Buffer.concat([this.input, Buffer.alloc(bytes)]);
  }

  get typed(): number {
    return this.input.length;
  }

  received(frame: Extract<ControlConsoleFrame, { type: "output" }>): void {
    if (frame.subscription !== this.subscription) return;
    if (frame.offset > this.next) {
      if (this.gaps === null) throw new Error(`output jumps from ${this.next} to ${frame.offset}`);
      this.gaps.push([this.next, frame.offset]);
      this.next = frame.offset;
    }
    const fresh = frame.bytes.subarray(Number(this.next - frame.offset));
    this.output += Buffer.from(fresh).toString("latin1");
    this.next += BigInt(fresh.length);
    this.arrivals.push(performance.now());
  }

  told(message: WorkerMessage): void {
    if (!("subscription" in message) || message.subscription !== this.subscription) return;
    if (message.type === "consoleClosed") this.closedWith = message.code;
    if (message.type === "consoleInputRefused") this.refusals.push(message.code);
    if (message.type === "consoleInputAck") {
      this.inputNext = BigInt(message.inputNext);
      this.durability = message.durability;
    }
    // What the replica does not have was lost with its predecessor: say it again. Of what it has only the ack may be lost: the last byte
    // once more brings that.
    if (message.type === "consoleSession") this.sendFrom(BigInt(Math.max(0, Math.min(Number(message.inputNext), this.input.length - 1))));
  }

  private sendFrom(offset: bigint): void {
    const content = this.input.subarray(Number(offset));
    if (this.worker === null || content.length === 0) return;
    this.worker.socket.send(
      encodeControlConsoleFrame({ type: "input", subscription: this.subscription, inputSession: this.inputSession, offset, content }),
    );
  }
}

export class ScriptedControlPlane {
  readonly vms: Map<string, ArbitratedVm>;
  /** The connection of each worker name that is newest. */
  readonly workers = new Map<string, JoinedWorker>();
  readonly arbiterRequests: Extract<WorkerMessage, { type: "arbiterRequest" }>[] = [];
  /** `silent`: requests are kept and not answered; `unavailable`: they are answered so. */
  arbiterMode: "decides" | "unavailable" | "silent" = "decides";
  /** Set: who says hello is welcomed when it resolves. */
  welcomes: Promise<void> | null = null;
  /** Replicas on fenced workers: the arbiter grants them nothing. */
  readonly fenced = new Set<string>();
  private readonly server: Server = createServer();
  private readonly sockets = new WebSocketServer({ noServer: true });
  private readonly blobs = new Map<string, Uint8Array>();
  private readonly clients = new Map<number, ConsoleClient>();
  private readonly answered: Map<string, ControlMessage>;
  private waiters: { readonly test: () => boolean; readonly resolve: () => void }[] = [];
  private port = 0;

  /** @param of another one: both are control planes of one service, with one arbiter's memory */
  constructor(of?: ScriptedControlPlane) {
    this.vms = of?.vms ?? new Map();
    this.answered = of?.answered ?? new Map();
    this.server.on("request", (request, response) => {
      const digest = decodeURIComponent(request.url?.replace("/internal/v1/blobs/", "") ?? "");
      const blob = this.blobs.get(digest);
      if (request.headers.authorization !== `Bearer ${JOIN_TOKEN}`) response.writeHead(401).end();
      else if (blob === undefined) response.writeHead(404).end();
      else response.writeHead(200, { "content-length": blob.length }).end(blob);
    });
    this.server.on("upgrade", (request, socket, head) => {
      if (request.headers.authorization !== `Bearer ${JOIN_TOKEN}` || request.url !== "/internal/v1/workers") {
        // A worker that is refused may be gone before it has read that.
        socket.on("error", () => undefined);
        socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
        return;
      }
      this.sockets.handleUpgrade(request, socket, head, (ws) => this.accept(ws));
    });
  }

  async listen(): Promise<void> {
    this.server.listen(this.port, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as { port: number }).port;
  }

  /** Gone, and with it every connection; `listen` again brings it back at the same port. */
  async close(): Promise<void> {
    for (const client of this.sockets.clients) client.terminate();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/internal/v1/workers`;
  }

  /** @param digest a wrong one makes a damaged blob */
  putBlob(bytes: Uint8Array, digest = sha256(bytes)): string {
    this.blobs.set(digest, bytes);
    return digest;
  }

  /** Waits until `test` holds; it is looked at whenever a worker says something. */
  async until(what: string, test: () => boolean, timeoutMs = 240_000): Promise<void> {
    if (test()) return;
    let timeout: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.waiters.push({ test, resolve });
      timeout = setTimeout(() => {
        const reports = [...this.workers.values()].map((worker) => [worker.hello.name, worker.connected, [...worker.reports.values()]]);
        reject(new Error(`waited ${timeoutMs} ms until ${what}; vms ${show([...this.vms])}; reports ${show(reports)}`));
      }, timeoutMs);
    });
    clearTimeout(timeout);
  }

  async joined(name: string): Promise<JoinedWorker> {
    await this.until(`${name} joins`, () => this.workers.get(name)?.connected === true);
    return this.workers.get(name) as JoinedWorker;
  }

  report(replicaId: string): ReplicaReport | undefined {
    for (const worker of this.workers.values()) {
      const report = worker.reports.get(replicaId);
      if (report !== undefined && worker.connected) return report;
    }
    return undefined;
  }

  async reported(replicaId: string, what: string, test: (report: ReplicaReport) => boolean): Promise<ReplicaReport> {
    const holds = () => {
      const report = this.report(replicaId);
      return report !== undefined && test(report);
    };
    await this.until(`${replicaId} ${what}`, holds);
    return this.report(replicaId) as ReplicaReport;
  }

  createPrimary(worker: JoinedWorker, vmId: string, replicaId: string, spec: ReplicaSpec): void {
    this.vms.set(vmId, { term: 1n, primary: replicaId, synced: [] });
    worker.send({ type: "createReplica", vmId, replicaId, role: "primary", term: "1", spec, channelSecret: "secret-of-the-vm" });
  }

  /** A backup of the VM, which waits for its state. */
  createBackup(worker: JoinedWorker, vmId: string, replicaId: string, spec: ReplicaSpec): void {
    const term = this.vm(vmId).term.toString();
    worker.send({ type: "createReplica", vmId, replicaId, role: "backup", term, spec, channelSecret: "secret-of-the-vm" });
  }

  /** Creates the backup, has the primary dial it, and waits until it is in the synced set. */
  async protect(
    primaryAt: JoinedWorker,
    backupAt: JoinedWorker,
    vmId: string,
    backupId: string,
    spec: ReplicaSpec,
  ): Promise<ReplicaReport> {
    const { primary } = this.vm(vmId);
    this.createBackup(backupAt, vmId, backupId, spec);
    this.pair(primaryAt, primary, backupAt, backupId);
    return this.reported(
      primary,
      `is protected by ${backupId}`,
      ({ synced, lastPairing }) => synced.includes(backupId) && lastPairing?.backup === backupId,
    );
  }

  pair(primaryAt: JoinedWorker, primary: string, backupAt: JoinedWorker, backupId: string, channelSecret = "secret-of-the-vm"): void {
    primaryAt.send({
      type: "pair",
      replicaId: primary,
      backup: { replicaId: backupId, address: backupAt.hello.loggingAddress, channelSecret, takesHistory: true },
    });
  }

  vm(vmId: string): ArbitratedVm {
    const vm = this.vms.get(vmId);
    if (vm === undefined) throw new Error(`no VM ${vmId}`);
    return vm;
  }

  subscribe(client: ConsoleClient): number {
    const subscription = this.clients.size + 1;
    this.clients.set(subscription, client);
    return subscription;
  }

  /** Answers what was kept while the arbiter was silent. */
  answerAll(): void {
    for (const message of this.arbiterRequests) {
      for (const worker of this.workers.values()) if (worker.reports.has(message.replicaId)) this.answer(worker, message);
    }
  }

  private accept(socket: WebSocket): void {
    let worker: JoinedWorker | null = null;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) {
        const frame = decodeControlConsoleFrame(data);
        if (frame.type === "output") this.clients.get(frame.subscription)?.received(frame);
      } else {
        const message = decodeWorkerMessage(data.toString());
        if (message.type === "hello") {
          const joined = new JoinedWorker(message, socket);
          worker = joined;
          this.workers.set(message.name, worker);
          const welcome = () => joined.send({ type: "welcome", workerId: `wrk_${message.name}` });
          if (this.welcomes === null) welcome();
          else void this.welcomes.then(welcome);
        } else if (worker !== null) {
          this.receive(worker, message);
        }
      }
      this.look();
    });
    socket.on("close", () => {
      if (worker !== null) worker.connected = false;
      this.look();
    });
  }

  private receive(worker: JoinedWorker, message: WorkerMessage): void {
    worker.messages.push(message);
    if (message.type === "replicaReport") worker.reports.set(message.report.replicaId, message.report);
    if (message.type === "replicaGone") worker.reports.delete(message.replicaId);
    if (message.type === "arbiterRequest") {
      this.arbiterRequests.push(message);
      if (this.arbiterMode !== "silent") this.answer(worker, message);
    }
    if ("subscription" in message) this.clients.get(message.subscription)?.told(message);
  }

  /** The compare-and-sets of a pair, as hypervisor/messages.ts describes them; an answered request is answered the same again. */
  private answer(worker: JoinedWorker, { requestId, vmId, replicaId, request }: Extract<WorkerMessage, { type: "arbiterRequest" }>): void {
    const vm = this.vm(vmId);
    const reply = (outcome: "granted" | "refused" | "unavailable"): ControlMessage => ({
      type: "arbiterAnswer",
      requestId,
      outcome,
      term: vm.term.toString(),
    });
    let answer = this.arbiterMode === "unavailable" ? reply("unavailable") : this.answered.get(requestId);
    if (answer === undefined) {
      const granted =
        !this.fenced.has(replicaId) &&
        (request.kind === "promote"
          ? vm.synced.includes(replicaId) && vm.primary !== replicaId
          : vm.primary === replicaId && vm.term === BigInt(request.term));
      if (granted) {
        vm.term += 1n;
        if (request.kind === "promote") [vm.primary, vm.synced] = [replicaId, []];
        else if (request.kind === "goSolo") vm.synced = vm.synced.filter((id) => id !== request.lost);
        else if (request.kind === "addBackup") vm.synced = [...vm.synced, request.backup];
      }
      answer = reply(granted ? "granted" : "refused");
      this.answered.set(requestId, answer);
    }
    worker.send(answer);
  }

  private look(): void {
    const due = this.waiters.filter(({ test }) => test());
    this.waiters = this.waiters.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, v) => (typeof v === "bigint" ? v.toString() : v));
}
