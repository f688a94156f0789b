/**
 * Makes a fresh clone able to build and run: installs the npm packages that package-lock.json names, where they are not
 * installed yet. Needs Node and npm, nothing else; imports nothing that would have to be installed first.
 *
 * `--tests`: also the Debian packages that the tests use, where they are missing and apt may install them.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** What each Debian package is needed for, and the file that shows it is there. Tests go without an optional one, and say so. */
const DEBIAN_PACKAGES = [
  { name: "dpkg", file: "/usr/bin/dpkg-deb", use: "unpacking Debian's netboot package" },
  { name: "debian-archive-keyring", file: "/usr/share/keyrings/debian-archive-keyring.gpg", use: "checking its signature" },
  { name: "gpgv", file: "/usr/bin/gpgv", use: "checking its signature" },
  { name: "opensbi", file: "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", use: "booting it in the guest", optional: true },
  { name: "postgresql-15", file: "/usr/lib/postgresql/15/bin/initdb", use: "testing on an older Postgres, too", optional: true },
  { name: "qemu-system-misc", file: "/usr/bin/qemu-system-riscv64", use: "comparing the machine with QEMU", optional: true },
  { name: "iproute2", file: "/usr/sbin/ip", use: "cutting the network between processes", optional: true },
  { name: "zsh", file: "/usr/bin/zsh", use: "completing commands in it", optional: true },
  { name: "fish", file: "/usr/bin/fish", use: "completing commands in it", optional: true },
  { name: "gcc", file: "/usr/bin/gcc", use: "compiling what cuts networks and makes hosts fail", optional: true },
  { name: "libc6-dev", file: "/usr/include/stdio.h", use: "compiling what cuts networks and makes hosts fail", optional: true },
];

const MINIMUM_NODE = [20, 11];

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  process.stderr.write(`understudy: Cannot run on Node ${process.versions.node}: ${MINIMUM_NODE.join(".")} or newer is needed\n`);
  process.exit(1);
}

/** npm leaves a copy of the lock file's packages in node_modules; if every package is there in its version, nothing is to be done. */
function isInstalled() {
  const hidden = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(hidden, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === "" || entry.optional || entry.peer || present[path]?.version === entry.version,
  );
}

/**
 * `install --no-save`, not `ci`: both take the locked versions, but `ci` refuses a lock file that does not list the optional
 * packages of platforms that its writer could not get.
 */
function installNpmPackages() {
  if (isInstalled()) return;
  process.stderr.write("understudy: installing npm packages (once)\n");
  const { status } = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, "inherit"],
  });
  if (status === 0) return;
  process.stderr.write("understudy: Cannot install the npm packages: see npm's message above\n");
  process.exit(1);
}

function installDebianPackages() {
  const missing = DEBIAN_PACKAGES.filter(({ file }) => !existsSync(file));
  if (missing.length === 0) return;
  apt("update", "-qq");
  const needed = missing.filter(({ optional }) => !optional);
  const failed = needed.length === 0 || install(needed) ? [] : needed;
  for (const debianPackage of missing.filter(({ optional }) => optional)) if (!install([debianPackage])) failed.push(debianPackage);
  for (const { name, use } of failed)
    process.stderr.write(`understudy: Cannot install ${name} (${use}): install it by hand and try again\n`);
  if (failed.some(({ optional }) => !optional)) process.exit(1);
}

/** Returns whether they are there then. */
function install(packages) {
  const names = packages.map(({ name }) => name);
  process.stderr.write(`understudy: installing ${names.join(", ")} with apt\n`);
  return apt("install", "-y", "-qq", "--no-install-recommends", ...names);
}

function apt(...words) {
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", words, { stdio: ["ignore", 2, "inherit"], env: environment }).status === 0;
}

checkNode();
installNpmPackages();
if (process.argv.includes("--tests")) installDebianPackages();
