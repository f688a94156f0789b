/**
 * Reads `modules.dep.bin`, in which kmod looks up a module's file and what it depends on.
 *
 * The file is a trie of nodes, all numbers big endian: magic, version, offset of the root. The upper bits of an offset say
 * what the node has: a prefix (text to its zero), children (first and last character, an offset for each), values
 * (a count, then for each a priority and text to its zero). A value reads `path: dependency dependency`.
 */
import { UnderstudyError } from "../base/errors.ts";

const MAGIC = 0xb007f457;
const HAS_PREFIX = 0x80000000;
const HAS_VALUES = 0x40000000;
const HAS_CHILDREN = 0x20000000;
const OFFSET_MASK = 0x0fffffff;

/** Paths below `/lib/modules/RELEASE`: the module and, after it, what it needs. */
export interface ModuleFiles {
  readonly path: string;
  readonly dependencies: readonly string[];
}

/**
 * All modules by name, names with underscores as kmod spells them (`virtio_rng` for `virtio-rng.ko`).
 *
 * @throws {UnderstudyError} `image_invalid` when the index is not one, or is damaged
 */
export function readModuleIndex(index: Uint8Array): Map<string, ModuleFiles> {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const modules = new Map<string, ModuleFiles>();
  try {
    if (view.getUint32(0) !== MAGIC) throw new RangeError("its magic number is wrong");
    visit(view.getUint32(8), "", 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UnderstudyError("image_invalid", `Cannot read the initrd's module index (modules.dep.bin): ${error.message}`, {
      cause: error,
    });
  }
  return modules;

  function visit(offset: number, name: string, depth: number): void {
    if (depth > 256) throw new RangeError("it is nested without end");
    let at = offset & OFFSET_MASK;
    let key = name;
    if (offset & HAS_PREFIX) {
      const prefix = textAt(at);
      key += prefix;
      at += prefix.length + 1;
    }
    if (offset & HAS_CHILDREN) {
      const first = view.getUint8(at);
      const last = view.getUint8(at + 1);
      at += 2;
      for (let character = first; character <= last; character++, at += 4) {
        const child = view.getUint32(at);
        if ((child & OFFSET_MASK) !== 0) visit(child, key + String.fromCharCode(character), depth + 1);
      }
    }
    if (offset & HAS_VALUES) {
      const value = textAt(at + 8);
      const colon = value.indexOf(":");
      const path = colon === -1 ? value : value.slice(0, colon);
      const dependencies =
        colon === -1
          ? []
          : value
              .slice(colon + 1)
              .split(" ")
              .filter((part) => part !== "");
      modules.set(key, { path, dependencies });
    }
  }

  function textAt(at: number): string {
    const end = index.indexOf(0, at);
    if (end === -1) throw new RangeError("a text has no end");
    return String.fromCharCode(...index.subarray(at, end));
  }
}
