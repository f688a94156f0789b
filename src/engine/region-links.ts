/**
 * Which regions know each other, so that one leads to the next without the dispatcher. A region that was compiled for speed has room for
 * a few (src/jit/machine-interface.ts): decode entries, and the functions that they lead to. Where the guest comes to an entry that is
 * none of them, the region says so; what it has said last is put in now and then.
 *
 *     said --the region behind the entry was compiled for speed--> linked --its number is given away, or its function replaced--> not linked
 *
 * An entry is compared before its function is used, and it has a number that no other region of the machine has: so a link needs no
 * care while its target lives, only before the number becomes another region's.
 */
import { LINK_ENTRIES, LINK_MISSED, LINK_TABLE } from "../jit/index.ts";

/** In a region; one that leads to many regions goes on by the dispatcher, rather than having its links changed all the time. */
const FILLED_MAX = 64;
/** Of a decode entry: where the number of the region is. */
const NUMBER_SHIFT = 32n;
const NO_ENTRY = 0n;
const NO_REGION = 0;

/** Those of one instance, whatever numbers it has. */
interface InstanceLinks {
  readonly table: WebAssembly.Table;
  readonly entries: readonly WebAssembly.Global[];
  readonly missed: WebAssembly.Global;
  /** The number of the region at each index. */
  readonly targets: number[];
  /** Numbers that it has. */
  users: number;
  next: number;
  filled: number;
}

export class RegionLinks {
  private readonly ofInstance = new WeakMap<WebAssembly.Instance, InstanceLinks>();
  /** By the number of the region that leads on. */
  private readonly from = new Map<number, InstanceLinks>();
  /** By the number of the region that they lead to. */
  private readonly to = new Map<number, Set<InstanceLinks>>();

  /** A number is an instance's from now on. What led to the number is taken back. */
  assign(number: number, instance: WebAssembly.Instance): void {
    this.release(number);
    const links = this.of(instance);
    if (links === null) return;
    links.users++;
    this.from.set(number, links);
  }

  /** A number is nobody's any more: nothing that it had is held for it. */
  release(number: number): void {
    for (const links of this.to.get(number) ?? []) {
      links.targets.forEach((target, index) => {
        if (target === number) clear(links, index);
      });
    }
    this.to.delete(number);
    const links = this.from.get(number);
    if (links === undefined) return;
    this.from.delete(number);
    if (--links.users > 0) return;
    for (const index of links.targets.keys()) this.unlink(links, index);
  }

  /** @param functionOf of a region that is to be led to without the dispatcher; null: it is not */
  fill(functionOf: (number: number) => unknown): void {
    for (const links of this.from.values()) {
      const entry = links.missed.value;
      if (entry === NO_ENTRY || links.filled >= FILLED_MAX) continue;
      links.missed.value = NO_ENTRY;
      const number = Number(BigInt.asUintN(64, entry) >> NUMBER_SHIFT);
      const target = functionOf(number);
      if (target === null) continue;
      const index = links.next;
      links.next = (index + 1) % links.targets.length;
      links.filled++;
      this.unlink(links, index);
      links.table.set(index, target);
      links.targets[index] = number;
      const entryOfIndex = links.entries[index];
      if (entryOfIndex !== undefined) entryOfIndex.value = entry;
      const leading = this.to.get(number);
      if (leading === undefined) this.to.set(number, new Set([links]));
      else leading.add(links);
    }
  }

  private unlink(links: InstanceLinks, index: number): void {
    const target = links.targets[index] ?? NO_REGION;
    clear(links, index);
    if (target !== NO_REGION && !links.targets.includes(target)) this.to.get(target)?.delete(links);
  }

  /** Null: it was not compiled for speed. */
  private of(instance: WebAssembly.Instance): InstanceLinks | null {
    const known = this.ofInstance.get(instance);
    if (known !== undefined) return known;
    const { exports } = instance;
    if (exports[LINK_TABLE] === undefined) return null;
    const links: InstanceLinks = {
      table: exports[LINK_TABLE] as WebAssembly.Table,
      entries: LINK_ENTRIES.map((name) => exports[name] as WebAssembly.Global),
      missed: exports[LINK_MISSED] as WebAssembly.Global,
      targets: LINK_ENTRIES.map(() => NO_REGION),
      users: 0,
      next: 0,
      filled: 0,
    };
    this.ofInstance.set(instance, links);
    return links;
  }
}

function clear({ table, entries, targets }: InstanceLinks, index: number): void {
  const entry = entries[index];
  if (entry !== undefined) entry.value = NO_ENTRY;
  table.set(index, null);
  targets[index] = NO_REGION;
}
