/** Where chaos happens: an installation in a virtual network where one can be made, else on the loopback; its Postgres is ours to fail. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedPostgres } from "../../src/control/db/embedded-postgres.ts";
import { Installation } from "../support/installation.ts";
import { hasNetworks, type VirtualNetwork } from "../support/network/virtual-network.ts";
import { NetworkedInstallation } from "../support/networked-installation.ts";

export interface ChaosPlace {
  readonly at: Installation;
  /** Null: this process may not make network namespaces. */
  readonly network: VirtualNetwork | null;
  readonly postgres: EmbeddedPostgres;
  readonly stop: () => Promise<void>;
}

export async function startPlace(workers: number, env: Readonly<Record<string, string>>): Promise<ChaosPlace> {
  if (hasNetworks("cuts, delays and losses")) {
    const networked = await NetworkedInstallation.start({ workers, env });
    const { at, network, postgres } = networked;
    return { at, network, postgres, stop: () => networked.stop() };
  }
  const folder = await mkdtemp(join(tmpdir(), "understudy-chaos-"));
  const postgres = await EmbeddedPostgres.start({ directory: folder, durable: false });
  const { host, port, user, database } = postgres.connection;
  const url = `postgres://${user}@localhost/${database}?host=${encodeURIComponent(String(host))}&port=${port}`;
  const at = await Installation.start({ workers, env: { ...env, DATABASE_URL: url } });
  return {
    at,
    network: null,
    postgres,
    stop: async () => {
      await at.stop();
      await postgres.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
