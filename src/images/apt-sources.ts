/**
 * Finds Debian mirrors in the system's own apt configuration: one-line files (`*.list`) and deb822 files (`*.sources`).
 * A system that is no Debian names none there, but may know Debian all the same: python-apt's templates of distributions.
 *
 * A candidate only has to look like Debian's archive: apt checks the signature of what it finds there, and a wrong guess
 * costs a failed download, so all candidates are kept, the likeliest first.
 *
 * @see sources.list(5), and the package python-apt-common for the templates
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface AptSource {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Suites of Debian's main archive; `-updates`, `-backports` and the like are on the same mirror. */
const DEBIAN_SUITE =
  /^(stretch|buster|bullseye|bookworm|trixie|forky|duke|sid|stable|oldstable|oldoldstable|testing|unstable|experimental|rc-buggy)(-|$)/;

/** Access methods that apt can use without a person at hand (`cdrom:` cannot). */
const USABLE_URI = /^(tor\+|mirror\+)?(https?|file):\/?\/?/;

/** All sources of the system. @param dir usually /etc/apt */
export async function readAptSources(dir: string): Promise<AptSource[]> {
  const sources: AptSource[] = [];
  for (const path of [join(dir, "sources.list"), ...(await listFolder(join(dir, "sources.list.d")))]) {
    const text = await readFile(path, "utf8").catch(() => null);
    if (text === null) continue;
    if (path.endsWith(".list")) sources.push(...parseOneLineSources(text));
    else if (path.endsWith(".sources")) sources.push(...parseDeb822Sources(text));
  }
  return sources;
}

/** URIs that hold Debian's main archive, without a slash at the end, each once, the likeliest first. */
export function debianMirrors(sources: readonly AptSource[]): string[] {
  const likely: string[] = [];
  const possible: string[] = [];
  for (const source of sources) {
    if (!source.types.includes("deb") || !source.components.includes("main")) continue;
    const suites = source.suites.filter((suite) => DEBIAN_SUITE.test(suite));
    if (suites.length === 0 || suites.every((suite) => suite.includes("security"))) continue;
    for (const uri of source.uris) {
      const mirror = uri.replace(/\/+$/, "");
      if (!USABLE_URI.test(mirror) || /debian-security$/.test(mirror)) continue;
      // Other vendors serve "stable main" or "bookworm main" too; a path that ends in "debian" is the archive's own.
      (/\/debian(\.list)?$/.test(mirror) ? likely : possible).push(mirror);
    }
  }
  return [...new Set([...likely, ...possible])];
}

/**
 * Where python-apt's template of Debian says that its archive is, each once.
 *
 * @param text stanzas such as `Suite: {series}`, `BaseURI: …`, `Component: main`
 */
export function mirrorsOfTemplate(text: string): string[] {
  const mirrors: string[] = [];
  for (const stanza of text.split(/\n[ \t]*\n/)) {
    const field = (name: string) => new RegExp(`^${name}:[ \t]*(\\S+)`, "m").exec(stanza)?.[1] ?? "";
    const mirror = field("BaseURI").replace(/\/+$/, "");
    if (/^(\{series\}|[a-z]+)$/.test(field("Suite")) && /\/debian$/.test(mirror) && USABLE_URI.test(mirror)) mirrors.push(mirror);
  }
  return [...new Set(mirrors)];
}

/** `deb [options] URI suite component …`, one a line, `#` to the end of the line is a remark. */
export function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*(deb|deb-src)\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s*(.*)$/.exec(line.replace(/#.*/, ""));
    if (match === null) continue;
    const [, type = "", uri = "", suite = "", components = ""] = match;
    sources.push({ types: [type], uris: [uri], suites: [suite], components: words(components) });
  }
  return sources;
}

/** Stanzas of `Field: value`, divided by empty lines; a value goes on in lines that begin with a space. */
export function parseDeb822Sources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  for (const stanza of lines.join("\n").split(/\n[ \t]*\n/)) {
    const fields = new Map<string, string>();
    let current = "";
    for (const line of stanza.split("\n")) {
      const field = /^([A-Za-z][A-Za-z0-9-]*):(.*)$/.exec(line);
      if (field !== null) {
        current = (field[1] as string).toLowerCase();
        fields.set(current, field[2] as string);
      } else if (/^[ \t]/.test(line) && current !== "") {
        fields.set(current, `${fields.get(current)} ${line}`);
      }
    }
    const list = (name: string) => words(fields.get(name) ?? "");
    if (fields.size === 0 || /^(no|false|0|off|without|disable)$/i.test((fields.get("enabled") ?? "yes").trim())) continue;
    sources.push({ types: list("types"), uris: list("uris"), suites: list("suites"), components: list("components") });
  }
  return sources;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

async function listFolder(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(() => []);
  return names.sort().map((name) => join(dir, name));
}
