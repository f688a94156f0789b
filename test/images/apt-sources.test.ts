/** Where Debian's archive is, as the system's apt configuration says it. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { debianMirrors, mirrorsOfTemplate, parseDeb822Sources, parseOneLineSources, readAptSources } from "../../src/images/apt-sources.ts";

describe("one-line sources", () => {
  const cases: readonly [string, string, string[]][] = [
    ["plain", "deb http://mirror.example/debian bookworm main contrib", ["http://mirror.example/debian"]],
    ["options", "deb [arch=amd64 signed-by=/a/b.gpg] https://mirror.example/debian/ trixie main", ["https://mirror.example/debian"]],
    ["tabs and a remark", "\tdeb\thttp://mirror.example/debian\ttrixie\tmain # fast", ["http://mirror.example/debian"]],
    ["a line that is a remark", "# deb http://mirror.example/debian trixie main", []],
    ["sources only", "deb-src http://mirror.example/debian trixie main", []],
    ["the security archive", "deb http://mirror.example/debian-security bookworm-security main", []],
    ["no main", "deb http://mirror.example/debian bookworm contrib", []],
    ["an optical disc", "deb cdrom:[Debian 13]/ trixie main", []],
    ["Ubuntu", "deb http://mirror.example/ubuntu noble main universe", []],
    ["a flat repository", "deb http://mirror.example/debian ./", []],
    [
      "another vendor before the archive",
      "deb https://vendor.example/apt stable main\ndeb http://mirror.example/debian stable main",
      ["http://mirror.example/debian", "https://vendor.example/apt"],
    ],
    ["the same mirror twice", "deb http://m.example/debian sid main\ndeb http://m.example/debian/ sid main", ["http://m.example/debian"]],
    ["a list of mirrors", "deb mirror+file:/etc/apt/mirrors/debian.list trixie main", ["mirror+file:/etc/apt/mirrors/debian.list"]],
  ];
  it.each(cases)("%s", (_name, text, mirrors) => {
    expect(debianMirrors(parseOneLineSources(text))).toEqual(mirrors);
  });
});

describe("deb822 sources", () => {
  const stanza = (fields: string) => `${fields}\nSigned-By: /usr/share/keyrings/x.gpg\n`;
  const cases: readonly [string, string, string[]][] = [
    [
      "two stanzas, the second for security",
      `${stanza("Types: deb\n# a remark between fields\nURIs: http://m.example/debian\nSuites: bookworm bookworm-updates\nComponents: main")}\n${stanza(
        "Types: deb\nURIs: http://m.example/debian-security\nSuites: bookworm-security\nComponents: main",
      )}`,
      ["http://m.example/debian"],
    ],
    [
      "values over several lines",
      stanza(
        "Types: deb\n deb-src\nURIs:\n http://a.example/debian\n http://b.example/debian\nSuites: trixie\nComponents: main\n non-free",
      ),
      ["http://a.example/debian", "http://b.example/debian"],
    ],
    [
      "field names in any case",
      stanza("types: deb\nuris: http://m.example/debian\nSUITES: trixie\ncomponents: main"),
      ["http://m.example/debian"],
    ],
    ["a stanza that is off", stanza("Enabled: no\nTypes: deb\nURIs: http://m.example/debian\nSuites: trixie\nComponents: main"), []],
    ["Ubuntu", stanza("Types: deb\nURIs: http://m.example/ubuntu/\nSuites: noble noble-updates\nComponents: main universe"), []],
    [
      "a key in the file, with its empty lines as dots",
      "Types: deb\nURIs: http://m.example/debian\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n",
      ["http://m.example/debian"],
    ],
    ["nothing", "\n\n# empty\n", []],
  ];
  it.each(cases)("%s", (_name, text, mirrors) => {
    expect(debianMirrors(parseDeb822Sources(text))).toEqual(mirrors);
  });
});

describe("python-apt's template of Debian", () => {
  const stanza = (suite: string, uri: string) => `Suite: ${suite}\nRepositoryType: deb\nBaseURI: ${uri}\nMatchURI: x\nComponent: main\n`;
  const cases: readonly [string, string, string[]][] = [
    [
      "one archive for several releases",
      stanza("{series}", "https://m.example/debian/").repeat(2).replace("\nSuite", "\n\nSuite"),
      ["https://m.example/debian"],
    ],
    [
      "releases by name",
      `${stanza("sid", "https://m.example/debian")}\n${stanza("woody", "http://old.example/debian/")}`,
      ["https://m.example/debian", "http://old.example/debian"],
    ],
    [
      "security and updates",
      `${stanza("{series}-security", "https://s.example/")}\n${stanza("{series}-updates", "https://m.example/debian/")}`,
      [],
    ],
    ["something that apt cannot fetch", stanza("{series}", "cdrom:/debian"), []],
    ["nothing", "", []],
  ];
  it.each(cases)("%s", (_name, text, mirrors) => {
    expect(mirrorsOfTemplate(text)).toEqual(mirrors);
  });
});

it("reads both kinds of file from a folder, and leaves others alone", async () => {
  const dir = await mkdtemp(join(tmpdir(), "understudy-apt-"));
  try {
    await mkdir(join(dir, "sources.list.d"));
    await writeFile(join(dir, "sources.list"), "deb http://one.example/debian trixie main\n");
    await writeFile(
      join(dir, "sources.list.d", "b.sources"),
      "Types: deb\nURIs: http://two.example/debian\nSuites: trixie\nComponents: main\n",
    );
    await writeFile(join(dir, "sources.list.d", "a.list"), "deb http://three.example/debian trixie main\n");
    await writeFile(join(dir, "sources.list.d", "c.list.disabled"), "deb http://four.example/debian trixie main\n");
    expect(debianMirrors(await readAptSources(dir))).toEqual([
      "http://one.example/debian",
      "http://three.example/debian",
      "http://two.example/debian",
    ]);
    expect(await readAptSources(join(dir, "absent"))).toEqual([]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
