/**
 * The control channels of a worker: one to each control plane of the service, all alike.
 *
 * Every control plane hears every report, any of them may give orders and subscribe to consoles, and one is asked at a time
 * where one answer is wanted. Where they are is a list of URLs; with discovery, every address that a URL's host name has is
 * dialled, and the name is looked at again and again, since control planes come and go.
 *
 *     name looked up --a new address--> channel (dialled for ever) --the address is gone, and so is its connection--> closed
 */
import { lookup } from "node:dns/promises";
import type { UnderstudyError } from "../base/errors.ts";
import type { ControlMessage, WorkerHello, WorkerMessage } from "../wire/control-messages.ts";
import { ControlChannel } from "./control-channel.ts";
import type { ControlAccess } from "./control-requests.ts";
import type { WorkerLog } from "./log.ts";

const DISCOVERY_INTERVAL_MS = 2000;

interface ControlChannelsOptions {
  readonly urls: readonly URL[];
  /** Dial every address of a host name, and look it up again from time to time. */
  readonly discover: boolean;
  readonly access: (url: URL) => ControlAccess;
  readonly hello: () => WorkerHello;
  readonly onWelcome: (channel: ControlChannel, workerId: string, url: URL) => void;
  readonly onMessage: (channel: ControlChannel, message: ControlMessage) => void;
  readonly onConsoleFrame: (channel: ControlChannel, frame: Uint8Array) => void;
  /** A channel that had been welcomed is gone. */
  readonly onDisconnected: (channel: ControlChannel) => void;
  /** A control plane will not have this worker, and none ever had it. */
  readonly onJoinRefused: (error: UnderstudyError) => void;
  /** A control plane will not have it now: `details.reason` says why. */
  readonly onRefusedForNow: (error: UnderstudyError) => void;
  readonly log: WorkerLog;
}

export class ControlChannels {
  /** By URL, and address where that was found by discovery. */
  private readonly channels = new Map<string, ControlChannel>();
  private everWelcomed = false;
  private closed = false;
  private discovery: NodeJS.Timeout | undefined;

  constructor(private readonly options: ControlChannelsOptions) {}

  connect(): void {
    const { urls, discover } = this.options;
    if (discover) void this.lookAround();
    else for (const url of urls) this.open(url, null);
  }

  /** To every control plane that is connected. */
  broadcast(message: WorkerMessage): void {
    for (const channel of this.channels.values()) channel.send(message);
  }

  /**
   * To one of those that are connected: each attempt after a failed one goes to the next.
   *
   * @returns false, and nothing happens, where none is
   */
  sendToOne(message: WorkerMessage, attempt: number): boolean {
    const connected = [...this.channels.values()].filter((channel) => channel.isConnected);
    return connected[attempt % connected.length]?.send(message) ?? false;
  }

  /** Says goodbye to all of them. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.discovery);
    await Promise.all([...this.channels.values()].map((channel) => channel.close()));
  }

  private open(url: URL, address: string | null): void {
    const { access, hello, log, onWelcome, onMessage, onConsoleFrame, onDisconnected } = this.options;
    const channel: ControlChannel = new ControlChannel({
      url,
      address,
      access: () => access(url),
      hello,
      onWelcome: (workerId) => {
        this.everWelcomed = true;
        onWelcome(channel, workerId, url);
      },
      onMessage: (message) => onMessage(channel, message),
      onConsoleFrame: (frame) => onConsoleFrame(channel, frame),
      onDisconnected: () => onDisconnected(channel),
      onRefused: (error) => this.refused(error),
      log,
    });
    this.channels.set(keyOf(url, address), channel);
    channel.connect();
  }

  /**
   * Refused before anybody ever welcomed it, the worker is configured wrongly, and says so instead of trying on. Later, a
   * control plane may have been restored or reconfigured: it is tried on.
   */
  private refused(error: UnderstudyError): boolean {
    if (this.everWelcomed) {
      this.options.log.warn({ code: error.code, err: error }, "a control plane refuses this worker for now: running pairs go on");
      this.options.onRefusedForNow(error);
      return true;
    }
    if (!this.closed) {
      this.closed = true;
      this.options.onJoinRefused(error);
    }
    return false;
  }

  private async lookAround(): Promise<void> {
    const present = new Set<string>();
    let complete = true;
    for (const url of this.options.urls) {
      try {
        for (const { address } of await lookup(url.hostname.replace(/^\[|\]$/g, ""), { all: true })) {
          const key = keyOf(url, address);
          present.add(key);
          if (!this.closed && !this.channels.has(key)) this.open(url, address);
        }
      } catch (error) {
        complete = false;
        this.options.log.debug({ err: error }, `cannot look up ${url.hostname}: trying on`);
      }
    }
    if (this.closed) return;
    // An address that is not named any more may still be served for a while: it is left when it does not answer.
    for (const [key, channel] of this.channels) {
      if (!complete || present.has(key) || channel.isConnected) continue;
      this.channels.delete(key);
      void channel.close();
    }
    this.discovery = setTimeout(() => void this.lookAround(), DISCOVERY_INTERVAL_MS);
  }
}

function keyOf(url: URL, address: string | null): string {
  return `${url.href} ${address ?? ""}`;
}
