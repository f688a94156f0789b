/**
 * The network: links between hosts, and connections over them that behave as TCP does.
 *
 * A connection is ordered and reliable as long as it lives. What was sent when it breaks arrives to some point and no further.
 * A blocked direction of a link holds what is on its way until it heals, and tells nobody. An end that is gone answers what
 * still comes with a reset, so its peer hears of it then at the latest, unless the host is silent or the link is blocked.
 */
import type { Chance } from "./chance.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a connection tells one of its ends. */
export interface Receiver<T> {
  readonly process: Process;
  received(item: T): void;
  /** It ended, and not by this end's doing. Said once, and nothing after it. */
  closed(): void;
}

export interface LinkConditions {
  readonly hosts: readonly [number, number];
  /** By the host that sends: nothing gets through before then. */
  readonly blockedUntilUs: [number, number];
  /** Delays are so many times as long until then. */
  slowness: number;
  slowUntilUs: number;
  /** Bytes per millisecond; 0: no limit. */
  bytesPerMs: number;
  narrowUntilUs: number;
}

interface Delays {
  readonly shortUs: number;
  readonly longUs: number;
  /** One of so many takes up to `rareUs`. */
  readonly rareOneIn: number;
  readonly rareUs: number;
}

export class Network {
  private readonly links = new Map<number, LinkConditions>();
  private connections: Connection<unknown>[] = [];

  constructor(
    readonly scheduler: Scheduler,
    readonly chance: Chance,
    private readonly delays: Delays,
  ) {}

  link(a: number, b: number): LinkConditions {
    const [low, high] = a < b ? [a, b] : [b, a];
    const key = low * 1000 + high;
    let link = this.links.get(key);
    if (link === undefined) {
      link = { hosts: [low, high], blockedUntilUs: [0, 0], slowness: 1, slowUntilUs: 0, bytesPerMs: 0, narrowUntilUs: 0 };
      this.links.set(key, link);
    }
    return link;
  }

  allLinks(): readonly LinkConditions[] {
    return [...this.links.values()];
  }

  connect<T>(a: Receiver<T>, b: Receiver<T>): Connection<T> {
    const connection = new Connection<T>(this, this.link(a.process.host, b.process.host), [a, b]);
    this.connections.push(connection as Connection<unknown>);
    if (this.connections.length > 64) this.connections = this.connections.filter(({ open }) => open);
    return connection;
  }

  /** Every connection over the link, or of the process, that somebody believes in. */
  connectionsOver(link: LinkConditions): readonly Connection<unknown>[] {
    return this.connections.filter((connection) => connection.open && connection.link === link);
  }

  connectionsOf(process: Process): readonly Connection<unknown>[] {
    return this.connections.filter((connection) => connection.open && connection.has(process));
  }

  delayUs(link: LinkConditions): number {
    const { shortUs, longUs, rareOneIn, rareUs } = this.delays;
    const delay = this.chance.oneIn(rareOneIn) ? this.chance.between(longUs, rareUs) : this.chance.between(shortUs, longUs);
    return link.slowUntilUs > this.scheduler.nowUs ? delay * link.slowness : delay;
  }

  isBlocked(link: LinkConditions, sender: number): boolean {
    return link.blockedUntilUs[link.hosts[0] === sender ? 0 : 1] > this.scheduler.nowUs;
  }
}

type Side = 0 | 1;

/** `fin`: nothing more comes. */
type Parcel<T> = { readonly atUs: number; readonly item: T } | { readonly atUs: number; readonly item: null };

interface Pipe<T> {
  readonly parcels: Parcel<T>[];
  lastAtUs: number;
  finished: boolean;
}

export class Connection<T> {
  private readonly pipes: readonly [Pipe<T>, Pipe<T>] = [newPipe(), newPipe()];
  /** Null: this end has closed it, was told that it is closed, or died. */
  private readonly ends: [Receiver<T> | null, Receiver<T> | null];
  private readonly processes: readonly [Process, Process];

  constructor(
    private readonly network: Network,
    readonly link: LinkConditions,
    ends: readonly [Receiver<T>, Receiver<T>],
  ) {
    this.ends = [ends[0], ends[1]];
    this.processes = [ends[0].process, ends[1].process];
  }

  /** Somebody still believes in it. */
  get open(): boolean {
    return this.ends[0] !== null || this.ends[1] !== null;
  }

  has(process: Process): boolean {
    return this.processes[0] === process || this.processes[1] === process;
  }

  sideOf(process: Process): Side {
    return this.processes[0] === process ? 0 : 1;
  }

  send(side: Side, item: T, bytes: number): void {
    const pipe = this.pipes[side];
    if (pipe.finished || this.ends[side] === null) return;
    this.put(side, { atUs: this.arrivalUs(side, bytes), item });
  }

  /** This side is done: what it sent still arrives, it hears nothing more. */
  close(side: Side): void {
    this.ends[side] = null;
    this.finish(side);
  }

  /** This side's process is dead. What it sent last may not have left; where its host is silent nothing is said either. */
  abandon(side: Side, silent: boolean): void {
    this.ends[side] = null;
    this.cut(this.pipes[side]);
    if (silent) this.pipes[side].finished = true;
    else this.finish(side);
  }

  /** Broken from outside: both ends are told, and what is on its way arrives to some point. */
  reset(): void {
    for (const side of [0, 1] as const) {
      this.cut(this.pipes[side]);
      this.finish(side);
    }
  }

  /** Half-open: one end is told that it is closed, the other finds out when it sends. */
  resetOneEnd(side: Side): void {
    this.pipes[side].finished = true;
    this.cut(this.pipes[side]);
    this.tellClosed(side);
  }

  private finish(side: Side): void {
    const pipe = this.pipes[side];
    if (pipe.finished) return;
    pipe.finished = true;
    this.put(side, { atUs: this.arrivalUs(side, 0), item: null });
  }

  private put(side: Side, parcel: Parcel<T>): void {
    this.pipes[side].parcels.push(parcel);
    this.network.scheduler.at(parcel.atUs, () => this.pump(side));
  }

  /** Nothing overtakes. */
  private arrivalUs(side: Side, bytes: number): number {
    const { network, link } = this;
    const pipe = this.pipes[side];
    let atUs = Math.max(pipe.lastAtUs, network.scheduler.nowUs + network.delayUs(link));
    if (link.narrowUntilUs > network.scheduler.nowUs) atUs += Math.ceil((bytes * 1000) / link.bytesPerMs);
    pipe.lastAtUs = atUs;
    return atUs;
  }

  private cut(pipe: Pipe<T>): void {
    const keep = this.network.chance.below(pipe.parcels.length + 1);
    pipe.parcels.splice(keep);
  }

  /** Hands over what has arrived from `side`. */
  private pump(side: Side): void {
    const { network, link } = this;
    const { scheduler } = network;
    const { parcels } = this.pipes[side];
    const sender = this.processes[side].host;
    if (parcels.length > 0 && network.isBlocked(link, sender)) {
      scheduler.at(link.blockedUntilUs[link.hosts[0] === sender ? 0 : 1], () => this.pump(side));
      return;
    }
    for (let parcel = parcels[0]; parcel !== undefined && parcel.atUs <= scheduler.nowUs; parcel = parcels[0]) {
      parcels.shift();
      this.arrive(side, parcel);
    }
  }

  private arrive(side: Side, parcel: Parcel<T>): void {
    const other = side === 0 ? 1 : 0;
    if (parcel.item === null) {
      this.tellClosed(other);
      return;
    }
    const { item } = parcel;
    if (this.ends[other] === null) {
      this.refuse(side, other);
      return;
    }
    const process = this.processes[other];
    if (process.running) this.hand(side, item);
    else process.deliver(this.pipes[side], () => this.hand(side, item));
  }

  private hand(side: Side, item: T): void {
    // Closed by its own process since the item arrived: nobody listens.
    this.ends[side === 0 ? 1 : 0]?.received(item);
  }

  /** The kernel of an end that is gone answers with a reset. */
  private refuse(side: Side, gone: Side): void {
    const process = this.processes[gone];
    if (process.silent || this.ends[side] === null || this.network.isBlocked(this.link, process.host)) return;
    this.network.scheduler.after(this.network.delayUs(this.link), () => this.tellClosed(side));
  }

  private tellClosed(side: Side): void {
    const end = this.ends[side];
    if (end === null) return;
    this.processes[side].deliver(this.pipes[side === 0 ? 1 : 0], () => {
      if (this.ends[side] === null) return;
      this.ends[side] = null;
      // A half-closed peer will never answer again: its own direction ends as well.
      this.cut(this.pipes[side]);
      this.finish(side);
      end.closed();
    });
  }
}

function newPipe<T>(): Pipe<T> {
  return { parcels: [], lastAtUs: 0, finished: false };
}
