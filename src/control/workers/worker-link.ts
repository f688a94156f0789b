/**
 * One open control channel: a worker that has said hello, what it reports, and what it was told.
 *
 *     responsive <--any frame or pong / nothing for silentMs--> silent --for too long--> terminated
 */
import type { WebSocket } from "ws";
import { type ControlConsoleFrame, encodeControlConsoleFrame } from "../../wire/console-frames.ts";
import { encodeControlChannelMessage } from "../../wire/control-codec.ts";
import type { ControlMessage, ReplicaReport, WorkerHello } from "../../wire/control-messages.ts";
import type { WorkerRow } from "../db/schema.ts";

/** Orders that are remembered before those are forgotten which would long have been repeated if they still held. */
const ORDERS_KEPT = 256;
const ORDER_KEPT_MS = 600_000;

export class WorkerLink {
  readonly worker: WorkerRow;
  readonly hello: WorkerHello;
  /** By replica: everything that the worker holds now. */
  readonly reports = new Map<string, ReplicaReport>();
  lastHeardMs: number;
  /** Since when it has answered without a break. */
  responsiveSinceMs: number;
  private readonly socket: WebSocket;
  private readonly orders = new Map<string, number>();
  /** Workers that it was told to cut off. */
  private readonly cutOffs = new Set<string>();

  constructor(socket: WebSocket, worker: WorkerRow, hello: WorkerHello, nowMs: number) {
    this.socket = socket;
    this.worker = worker;
    this.hello = hello;
    this.lastHeardMs = nowMs;
    this.responsiveSinceMs = nowMs;
    for (const report of hello.replicas) this.reports.set(report.replicaId, report);
  }

  heard(nowMs: number, silentMs: number): void {
    if (nowMs - this.lastHeardMs > silentMs) this.responsiveSinceMs = nowMs;
    this.lastHeardMs = nowMs;
  }

  send(message: ControlMessage): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(encodeControlChannelMessage(message));
  }

  sendConsoleFrame(frame: ControlConsoleFrame): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(encodeControlConsoleFrame(frame));
  }

  /** Sends an order, unless the same one went out less than `repeatMs` ago. The worker takes a repeat for what it is. */
  order(key: string, message: ControlMessage, nowMs: number, repeatMs: number): boolean {
    if (!this.isDue(key, nowMs, repeatMs)) return false;
    if (this.orders.size >= ORDERS_KEPT) this.forgetOldOrders(nowMs);
    this.orders.set(key, nowMs);
    this.send(message);
    return true;
  }

  private forgetOldOrders(nowMs: number): void {
    for (const [key, sentAtMs] of this.orders) if (nowMs - sentAtMs > ORDER_KEPT_MS) this.orders.delete(key);
  }

  /** Whether `order` would send it. */
  isDue(key: string, nowMs: number, repeatMs: number): boolean {
    const sentAt = this.orders.get(key);
    return sentAt === undefined || nowMs - sentAt >= repeatMs;
  }

  /** It is told once to end what it has with that worker. */
  cutOff(workerId: string): void {
    if (this.hello.cutsOff !== true || this.cutOffs.has(workerId)) return;
    this.cutOffs.add(workerId);
    this.send({ type: "cutOff", workerId });
  }

  letIn(workerId: string): void {
    this.cutOffs.delete(workerId);
  }

  /** The orders about a replica are forgotten with it. */
  forget(replicaId: string): void {
    this.reports.delete(replicaId);
    for (const key of this.orders.keys()) if (key.includes(replicaId)) this.orders.delete(key);
  }

  ping(): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.ping();
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  terminate(): void {
    this.socket.terminate();
  }
}
